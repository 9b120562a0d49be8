"""Alembic's environment of the reporting service."""

from services.reporting import models  # noqa: F401 - declares the tables
from shared.database import run_migrations
from sqlmodel import SQLModel

run_migrations(SQLModel.metadata)
