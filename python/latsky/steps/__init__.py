"""The suite's own steps: what the workflows do that is not a Fermitool."""
