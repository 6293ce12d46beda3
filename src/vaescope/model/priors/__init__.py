"""p(z): one file each."""
