"""Plots and reports of products."""
