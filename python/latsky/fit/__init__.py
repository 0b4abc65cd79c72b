"""Joint binned likelihood fit of all binning components."""
