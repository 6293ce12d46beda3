"""A trained model's latent space in a browser: what is where in it, as plain data, and the page that shows it."""
