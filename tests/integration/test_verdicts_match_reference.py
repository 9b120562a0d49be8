"""The SQL says of random days exactly what the slow reading of the rules says."""

import contextlib
import datetime as dt
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest_asyncio
from hypothesis import given, settings

from services.reporting.commands import facts
from services.reporting.views.people import person_day
from shared.database import Database, Tx
from shared.events import DUTIES
from tests.conftest import DatabaseFor
from tests.kit import worlds
from tests.kit.oracle import fold, verdict
from tests.kit.properties import SLOW_IS_FINE

QUIET = settings(max_examples=80, deadline=None, suppress_health_check=SLOW_IS_FINE)
World = tuple[worlds.World, list[dt.datetime]]
SPAN = (worlds.DATES[0], worlds.DATES[-1])


class _Undo(Exception):
    pass


@pytest_asyncio.fixture
async def db(database_for: DatabaseFor) -> AsyncIterator[Database]:
    yield await database_for("reporting")


@asynccontextmanager
async def facts_of(db: Database, world: worlds.World) -> AsyncGenerator[Tx]:
    """A transaction that sees the facts of `world` alone, until the end of the block."""
    with contextlib.suppress(_Undo):
        async with db.transaction() as tx:
            await facts.apply(tx, worlds.received(world))
            yield tx
            raise _Undo


@QUIET
@given(given=worlds.worlds())
async def test_verdicts_equal_the_reference(db: Database, given: World) -> None:
    world, instants = given
    known = fold(world)
    async with facts_of(db, world) as tx:
        for t in instants:
            rows = await tx.connection.fetch("select * from verdicts($1, $2, $3)", *SPAN, t)
            got = {(r["employee_id"], r["work_date"]): {duty: r[duty] for duty in DUTIES} for r in rows}
            assert len(got) == len(rows)
            assert got == {
                (p.employee_id, p.work_date): verdict(known, p.employee_id, p.work_date, t) for p in known.plans
            }
            for row in rows:
                pending = "pending" in (row[duty] for duty in DUTIES)
                assert (row["next_due"] is not None) == pending
                assert row["next_due"] is None or row["next_due"] >= t


@QUIET
@given(given=worlds.worlds())
async def test_no_state_changes_by_time_alone_before_next_due(db: Database, given: World) -> None:
    world, instants = given
    t, *others = instants
    past = [
        (ce_id, event)
        for ce_id, event in world
        if all(getattr(event, name, t) <= t for name in ("at", "submitted_at", "reviewed_at"))
    ]
    async with facts_of(db, past) as tx:
        before = await tx.connection.fetch("select * from verdicts($1, $2, $3)", *SPAN, t)
        for later in (other for other in others if other >= t):
            rows = await tx.connection.fetch("select * from verdicts($1, $2, $3)", *SPAN, later)
            after = {(row["employee_id"], row["work_date"]): row for row in rows}
            for row in before:
                if row["next_due"] is None or later < row["next_due"]:
                    now = after[(row["employee_id"], row["work_date"])]
                    assert all(row[duty] == now[duty] for duty in DUTIES)


@QUIET
@given(given=worlds.worlds())
async def test_person_day_explains_the_same_states(db: Database, given: World) -> None:
    world, instants = given
    known = fold(world)
    stored = {str(ce_id) for ce_id, _ in world}
    async with facts_of(db, world) as tx:
        for plan in known.plans:
            day = await person_day(tx, plan.employee_id, plan.work_date, instants[0])
            states = {duty: day.duties[duty].state for duty in DUTIES}
            assert states == verdict(known, plan.employee_id, plan.work_date, instants[0])
            for duty in DUTIES:
                assert {str(ce_id) for ce_id in day.duties[duty].event_ids} <= stored
                assert day.duties[duty].because.code.startswith(f"{duty}.")
