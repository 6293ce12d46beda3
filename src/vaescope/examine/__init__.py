"""Examine one trained run: collect its evidence, assess it, score texts, refit its prior, draw a world from it."""
