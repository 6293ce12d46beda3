"""Terms: the parts of an objective, one file each."""
