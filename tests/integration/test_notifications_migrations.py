"""The migrations make the tables that the models declare, and can be taken back."""

import asyncio
from pathlib import Path

import alembic.command
import pytest
from alembic.config import Config

from tests.conftest import DatabaseFor

pytestmark = pytest.mark.asyncio(loop_scope="session")
MIGRATIONS = Path(__file__).parents[2] / "services" / "notifications" / "migrations"


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
