"""The objectives of the literature, made of terms and constraints."""
