"""What is known of a model on a split: draws, texts drawn from the model, experiments; their file and their checks."""
