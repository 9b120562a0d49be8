"""Alembic's environment of the reporting service."""

from services.reporting import models
from shared.database import run_migrations

run_migrations(models.Stored.metadata)
