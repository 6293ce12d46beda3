"""The one loop, the run folder, and resuming bit for bit."""
