"""A model over a split: the one place where evidence is made."""
