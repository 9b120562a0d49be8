"""The migrations make the tables that the models declare, and can be taken back."""

import asyncio
from pathlib import Path
from typing import Any

import alembic.command
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from services.notifications.store.tables import Base
from shared.database import sqlalchemy_url
from tests.conftest import DatabaseFor

pytestmark = pytest.mark.asyncio(loop_scope="session")
MIGRATIONS = Path(__file__).parents[2] / "services" / "notifications" / "migrations"


def differences(connection: Connection) -> list[Any]:
    """What autogenerate would still change; the outbox belongs to shared.outbox."""
    names = set(Base.metadata.tables)

    def ours(name: str | None, kind: str, parents: Any) -> bool:
        return kind != "table" or name in names

    context = MigrationContext.configure(connection, opts={"include_name": ours, "compare_type": True})
    return compare_metadata(context, Base.metadata)


async def test_the_migrated_database_is_the_declared_one(database_for: DatabaseFor) -> None:
    engine = create_async_engine(sqlalchemy_url((await database_for("notifications")).url))
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_the_migrations_can_be_taken_back_and_made_again(database_for: DatabaseFor) -> None:
    db = await database_for("notifications")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = db.url
    await asyncio.to_thread(alembic.command.downgrade, config, "base")
    async with db.read() as tx:
        left = await tx.connection.fetch("select tablename from pg_tables where schemaname = 'public'")
    assert {row["tablename"] for row in left} == {"alembic_version"}
    await asyncio.to_thread(alembic.command.upgrade, config, "head")
    async with db.read() as tx:
        assert await tx.connection.fetch("select * from message") == []
