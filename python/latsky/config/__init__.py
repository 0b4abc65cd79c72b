"""The YAML files of an analysis as typed, checked objects."""
