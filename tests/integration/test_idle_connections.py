"""What a rush has opened is closed when nobody needs it any more; what is in use never is."""

import asyncio

import pytest

from shared import database
from shared.database import Database
from tests.conftest import DatabaseFor
from tests.kit.kafka import eventually


async def sessions(db: Database) -> int:
    """The database's client sessions, the one that asks included."""
    async with db.transaction() as tx:
        return await tx.connection.fetchval(
            "select count(*) from pg_stat_activity"
            " where datname = current_database() and backend_type = 'client backend'"
        )


async def rush(db: Database, together: int) -> list[int]:
    """So many transactions at once; what each of them read."""
    all_open = asyncio.Barrier(together)

    async def one(number: int) -> int:
        async with db.transaction() as tx:
            await all_open.wait()
            return await tx.connection.fetchval("select $1::int", number)

    return await asyncio.gather(*map(one, range(together)))


async def test_connections_that_nobody_uses_are_closed_but_one_and_opened_again_for_a_rush(
    database_for: DatabaseFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "IDLE_S", 0.2)
    db = await database_for("attendance")

    async def rested() -> bool:
        return await sessions(db) == 1

    for _ in range(3):
        assert await rush(db, 8) == list(range(8))
        await eventually(rested)


async def test_a_connection_in_use_is_not_closed_however_long_it_is_used(
    database_for: DatabaseFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "IDLE_S", 0.05)
    db = await database_for("attendance")
    async with db.transaction() as tx, db.transaction() as other:
        mine = await tx.connection.fetchval("select pg_backend_pid()")
        assert await rush(db, 4) == list(range(4))

        async def rested() -> bool:
            return await sessions(db) == 3

        await eventually(rested)
        assert await tx.connection.fetchval("select pg_backend_pid()") == mine
        assert await other.connection.fetchval("select 1") == 1
