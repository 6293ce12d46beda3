"""Save and load models: folders, the hub, the model card, warm starts, the reference system."""
