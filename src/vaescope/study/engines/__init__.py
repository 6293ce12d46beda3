"""Where the runs of a study are carried out: here, on Ray, or as a SLURM array; one file each."""
