"""A synthetic sky, spacecraft and instrument: every input of an all-sky analysis, from a seed."""
