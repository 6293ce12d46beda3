"""The one training loop, resumed bit for bit."""
