"""A commented set of configuration files, which ``latsky init`` copies."""
