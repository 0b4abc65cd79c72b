"""The embedded engine: the suite's own implementation of the Fermitools it calls."""
