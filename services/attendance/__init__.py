"""Intake of punches, corrections and outages."""

from pathlib import Path

from shared import messages

messages.add(Path(__file__).with_name("messages.toml"))
