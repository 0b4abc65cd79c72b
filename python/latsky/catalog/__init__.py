"""Source catalogues: reading them, selecting sources by rule."""
