"""Requests that share a transaction: each gets its own answer, whatever the others meet."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from shared.database import Database, GroupCommit, Tx
from shared.failures import is_away
from tests.conftest import DatabaseFor

INSERT = "insert into kept (id, number) select * from unnest($1::uuid[], $2::bigint[])"
ITEMS = 200


class Table:
    """Writes items in one statement; some make it fail."""

    def __init__(self) -> None:
        self.fails: dict[UUID, Exception] = {}
        self.world: Exception | None = None
        self.transactions = 0

    async def flush(self, tx: Tx, items: Sequence[tuple[UUID, int]]) -> Sequence[UUID | Exception]:
        self.transactions += 1
        await tx.connection.execute(INSERT, [id for id, _ in items], [number for _, number in items])
        if self.world is not None:
            raise self.world
        for id, _ in items:
            if id in self.fails:
                raise self.fails[id]
        return [id for id, _ in items]

    async def prepare(self, db: Database) -> None:
        async with db.transaction() as tx:
            await tx.connection.execute("create table kept (id uuid primary key, number int check (number >= 0))")

    async def kept(self, db: Database) -> set[UUID]:
        async with db.read() as tx:
            return {row["id"] for row in await tx.connection.fetch("select id from kept")}


async def submit(commit: GroupCommit[Any, Any], items: Sequence[tuple[UUID, int]]) -> dict[UUID, Any]:
    answers = await asyncio.gather(*(commit.submit(item) for item in items), return_exceptions=True)
    return dict(zip((id for id, _ in items), answers, strict=True))


@pytest.mark.parametrize("positions", [(0,), (ITEMS - 1,), (0, 99, 100, ITEMS - 1)])
async def test_what_cannot_be_recorded_is_refused_alone_and_everything_else_is_recorded(
    database_for: DatabaseFor, positions: tuple[int, ...]
) -> None:
    db, table = await database_for("attendance"), Table()
    await table.prepare(db)
    items = [(uuid4(), 1) for _ in range(ITEMS)]
    bad: dict[UUID, type[Exception]] = {}
    for place, position in enumerate(positions):
        id = items[position][0]
        match place:
            case 0:  # the database's own words
                items[position] = (id, 2**40)
                bad[id] = asyncpg.NumericValueOutOfRangeError
            case 1:
                items[position] = (id, -1)
                bad[id] = asyncpg.CheckViolationError
            case 2:
                table.fails[id] = OverflowError("this one")
                bad[id] = OverflowError
            case _:
                table.fails[id] = AttributeError("a bug that this one meets")
                bad[id] = AttributeError
    answers = await submit(GroupCommit(db, table.flush), items)
    assert {id: type(answer) for id, answer in answers.items() if isinstance(answer, Exception)} == bad
    assert await table.kept(db) == {id for id, _ in items} - set(bad)
    assert table.transactions <= 1 + 18 * len(bad)


async def test_a_failure_of_the_world_is_everybody_s_and_is_not_searched_for(database_for: DatabaseFor) -> None:
    db, table = await database_for("attendance"), Table()
    await table.prepare(db)
    items = [(uuid4(), 1) for _ in range(50)]
    commit = GroupCommit(db, table.flush)
    for table.world in (ConnectionResetError(), asyncpg.DeadlockDetectedError(""), asyncpg.DiskFullError("")):
        table.transactions = 0
        answers = await submit(commit, items)
        assert all(is_away(answer) for answer in answers.values())
        assert table.transactions == 1
    table.world = None
    assert await submit(commit, items) == {id: id for id, _ in items}


async def test_when_the_worker_is_ended_nobody_waits_for_ever(database_for: DatabaseFor) -> None:
    db, table = await database_for("attendance"), Table()
    entered = asyncio.Event()

    async def hang(_tx: Tx, _items: Sequence[tuple[UUID, int]]) -> Sequence[UUID | Exception]:
        entered.set()
        await asyncio.Event().wait()
        return []

    await table.prepare(db)
    commit: GroupCommit[tuple[UUID, int], UUID] = GroupCommit(db, hang)
    waiting = asyncio.create_task(submit(commit, [(uuid4(), 1)]))
    await entered.wait()
    worker = commit._worker  # pyright: ignore[reportPrivateUsage] - nobody else may end it
    assert worker is not None
    worker.cancel()
    (answer,) = (await asyncio.wait_for(waiting, 30)).values()
    assert is_away(answer)


async def test_items_that_belong_together_are_never_in_two_transactions(database_for: DatabaseFor) -> None:
    db, table = await database_for("attendance"), Table()
    await table.prepare(db)
    flushed: list[list[UUID]] = []

    async def flush(tx: Tx, items: Sequence[tuple[UUID, int]]) -> Sequence[UUID | Exception]:
        flushed.append([id for id, _ in items])
        return await table.flush(tx, items)

    commit = GroupCommit(db, flush, max_items=3)
    alone = [(uuid4(), 1) for _ in range(2)]
    one, other = [[(uuid4(), 1) for _ in range(5)] for _ in range(2)]
    waiting = [commit.put(item) for item in alone] + commit.put_together(one) + commit.put_together(other)
    await asyncio.gather(*waiting, commit.submit((uuid4(), 1)))
    assert flushed[:2] == [[id for id, _ in (*alone, *one)], [id for id, _ in other]]
    assert commit.put_together([]) == []
