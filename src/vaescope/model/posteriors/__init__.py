"""How the head of the encoder becomes q(z|x): one file each."""
