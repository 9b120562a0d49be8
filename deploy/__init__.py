"""Everything that puts the services on a machine."""
