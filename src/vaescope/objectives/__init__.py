"""What training minimises, and subject to which constraints."""
