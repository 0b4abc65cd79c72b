"""Running the workflows: environment, engines, progress and products."""
