"""What makes the same numbers faster, each with its plain form."""
