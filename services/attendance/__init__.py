"""Intake of punches, corrections and outages."""
