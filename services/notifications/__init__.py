"""Messages to people, once per cause."""
