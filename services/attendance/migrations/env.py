"""Run by alembic, from shared.database.migrate."""

from services.attendance.facts import Base
from shared.database import run_migrations

run_migrations(Base.metadata)
