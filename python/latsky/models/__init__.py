"""Models: from their definition to the directories that fits open."""
