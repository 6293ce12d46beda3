"""What is known of a model on a split: draws, simulations, experiments and facts; their file and their checks."""
