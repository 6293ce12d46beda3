"""The run folder: its files, environment, checkpoints, Pareto front and snapshots."""
