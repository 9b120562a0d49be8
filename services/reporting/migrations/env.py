"""Alembic's environment of the reporting service."""

from services.reporting.facts import Stored
from shared.database import run_migrations

run_migrations(Stored.metadata)
