"""All SQL of attendance. Hot paths are one statement for any number of rows."""
