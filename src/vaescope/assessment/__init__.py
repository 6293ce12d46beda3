"""From draws of a model over a split to estimates with their errors and findings."""
