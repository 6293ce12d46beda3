"""Run studies: many runs from one file, as a grid or in stages, here or on a cluster."""
