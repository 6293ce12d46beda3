"""Run a model over a split to make evidence."""
