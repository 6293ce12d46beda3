"""Runs examined: what joins corpora, model, training and assessment."""
