"""Run by alembic, from shared.database.migrate."""

from services.attendance.store.tables import Base
from shared.database import run_migrations

run_migrations(Base.metadata)
