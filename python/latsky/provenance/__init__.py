"""Provenance of runs: records, crates, archives, reruns."""
