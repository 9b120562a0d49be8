"""SQL of the views."""
