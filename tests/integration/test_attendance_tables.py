"""The models, the migrations and the guards in the database say the same."""

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from services.attendance.store.tables import Base
from shared.database import sqlalchemy_url
from tests.conftest import DatabaseFor


async def test_models_and_migrations_agree(database_for: DatabaseFor) -> None:
    db = await database_for("attendance")
    engine = create_async_engine(sqlalchemy_url(db.url))

    def differences(connection: Connection) -> list[object]:
        def ours(name: str | None, kind: str, *_: object) -> bool:
            return not (kind == "table" and name in ("outbox", "disowned", "repair", "alembic_version"))

        context = MigrationContext.configure(connection, opts={"include_name": ours, "compare_type": True})
        return list(compare_metadata(context, Base.metadata))

    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


@pytest.mark.parametrize("change", ["update audit set reason = 'x'", "delete from audit", "truncate audit"])
async def test_the_audit_log_refuses_every_change(database_for: DatabaseFor, change: str) -> None:
    db = await database_for("attendance")
    async with db.transaction() as tx:
        await tx.connection.execute(
            "insert into audit (at, actor, role, action, subject, reason, details)"
            " values (now(), 'a', 'b', 'c', 'd', 'e', '{}')"
        )
    with pytest.raises(asyncpg.RaiseError, match="append only"):
        async with db.transaction() as tx:
            await tx.connection.execute(change)
