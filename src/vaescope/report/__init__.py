"""Tables and figures, and the one page that shows runs side by side; it reads files and no model."""
