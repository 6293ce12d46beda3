"""Join corpora, model, training and assessment: examine runs, refit them, and run studies."""
