"""Training objectives: terms, weights and constraints."""
