"""The doors of the notifications service."""
