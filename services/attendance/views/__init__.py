"""What is recorded, as people read it."""
