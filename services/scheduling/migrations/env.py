"""Alembic's entry: everything is in `shared.database`."""

from services.scheduling.store.tables import Stored
from shared.database import run_migrations

run_migrations(Stored.metadata)
