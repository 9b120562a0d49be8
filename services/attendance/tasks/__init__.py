"""What attendance does by itself, one file for each capability."""
