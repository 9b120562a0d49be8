"""The SQL says of random days exactly what the slow reading of the rules says."""

import datetime as dt
from collections.abc import AsyncIterator

import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.reporting import facts
from services.reporting.store import views
from shared.database import Database
from tests.conftest import DatabaseFor
from tests.reference import worlds
from tests.reference.facts import fold
from tests.reference.verdicts import verdict

DUTIES = ("on_time", "place", "hours", "report", "output")
QUIET = settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, *HealthCheck]
)


class _Undo(Exception):
    pass


@pytest_asyncio.fixture
async def db(database_for: DatabaseFor) -> AsyncIterator[Database]:
    yield await database_for("reporting")


@QUIET
@given(world=worlds.worlds(worlds.days_work), t=worlds.instants)
async def test_verdicts_equal_the_reference(db: Database, world: worlds.World, t: dt.datetime) -> None:
    known = fold(world)
    try:
        async with db.transaction() as tx:
            await facts.apply(tx, worlds.received(world))
            rows = await tx.connection.fetch(
                "select * from verdicts($1, $2, $3)", worlds.DATES[0], worlds.DATES[-1], t
            )
            got = {(r["employee_id"], r["work_date"]): {duty: r[duty] for duty in DUTIES} for r in rows}
            assert len(got) == len(rows)
            assert got == {
                (p.employee_id, p.work_date): verdict(known, p.employee_id, p.work_date, t)
                for p in known.plans
            }
            for row in rows:
                pending = "pending" in got[(row["employee_id"], row["work_date"])].values()
                assert (row["next_due"] is not None) == pending
                assert row["next_due"] is None or row["next_due"] >= t
            raise _Undo
    except _Undo:
        pass


@QUIET
@given(world=worlds.worlds(worlds.days_work), t=worlds.instants, later=worlds.instants)
async def test_nothing_pending_changes_before_next_due(
    db: Database, world: worlds.World, t: dt.datetime, later: dt.datetime
) -> None:
    """With facts that are all in the past at t, states change by time alone only after next_due."""
    past = [
        (ce_id, event)
        for ce_id, event in world
        if all(getattr(event, name, t) <= t for name in ("at", "submitted_at", "reviewed_at"))
    ]
    try:
        async with db.transaction() as tx:
            await facts.apply(tx, worlds.received(past))
            query = "select * from verdicts($1, $2, $3)"
            span = (worlds.DATES[0], worlds.DATES[-1])
            before = await tx.connection.fetch(query, *span, t)
            by_day = {
                (r["employee_id"], r["work_date"]): r for r in await tx.connection.fetch(query, *span, later)
            }
            for row in before:
                after = by_day[(row["employee_id"], row["work_date"])]
                if later >= t and (row["next_due"] is None or later < row["next_due"]):
                    assert all(row[duty] == after[duty] for duty in DUTIES)
            raise _Undo
    except _Undo:
        pass


@QUIET
@given(
    world=worlds.worlds(worlds.days_work),
    t=worlds.instants,
    employee_id=worlds.people,
    date=st.sampled_from(worlds.DATES),
)
async def test_person_day_explains_the_same_states(
    db: Database, world: worlds.World, t: dt.datetime, employee_id: object, date: dt.date
) -> None:
    known = fold(world)
    try:
        async with db.transaction() as tx:
            await facts.apply(tx, worlds.received(world))
            day = await views.person_day(tx.connection, employee_id, date, t)
            assert {duty: day["duties"][duty]["state"] for duty in DUTIES} == verdict(
                known, employee_id, date, t
            )
            stored = {str(ce_id) for ce_id, _ in world}
            for duty in DUTIES:
                assert set(day["duties"][duty]["event_ids"]) <= stored
            raise _Undo
    except _Undo:
        pass
