"""Roads that an operator takes once in years, practised on one machine with real servers: `make drills`."""
