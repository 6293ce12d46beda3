"""Models in and out of folders: load, hub, card, warm start, the reference system."""
