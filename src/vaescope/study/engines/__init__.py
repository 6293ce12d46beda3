"""Engines that execute the runs of a study: locally, on Ray, or as a SLURM array; one file each."""
