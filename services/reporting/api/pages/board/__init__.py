"""The board: the city at a glance, and its OPDs and counters each by itself."""
