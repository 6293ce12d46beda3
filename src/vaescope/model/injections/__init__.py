"""How z reaches the decoder: one file each, composed with `+`."""
