"""latsky: all-sky Fermi-LAT analysis as a containerized CWL suite."""

__version__ = "0.1.0"
