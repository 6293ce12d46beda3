"""From evidence of a model on a split to estimates with errors, and to findings."""
