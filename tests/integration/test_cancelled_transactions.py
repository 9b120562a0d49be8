"""A transaction that is broken off at any instant leaves nothing behind for whoever has its connection next.

A connection that was left inside a transaction would carry the next one as a part of it: answered, and never
committed.
"""

import asyncio

import pytest

from shared.database import Database
from tests.conftest import DatabaseFor


@pytest.mark.parametrize("kind", ["read", "transaction"])
async def test_what_comes_after_a_transaction_that_was_broken_off_is_committed(
    database_for: DatabaseFor, kind: str
) -> None:
    given = await database_for("reporting")
    db, other = (Database(given.url, pool_size=1) for _ in range(2))

    async def begun() -> None:
        async with db.read() if kind == "read" else db.transaction() as tx:
            await tx.connection.fetchval("select 1")

    try:
        for number in range(1, 301):
            begins = asyncio.create_task(begun())
            for _ in range(number):  # a step further each time: before, within and after each of its statements
                await asyncio.sleep(0)
            begins.cancel()
            await asyncio.gather(begins, return_exceptions=True)
            async with db.transaction() as tx:
                await tx.connection.execute("create table if not exists written (number int)")
                await tx.connection.execute("insert into written values ($1)", number)
            async with other.read() as tx:
                assert await tx.connection.fetchval("select max(number) from written") == number
    finally:
        await db.close()
        await other.close()
