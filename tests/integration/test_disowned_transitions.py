"""What was announced because of a disowned event is taken back, and nothing untrue is announced on the way."""

import datetime as dt
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest_asyncio

from services.reporting.commands import facts
from services.reporting.facts import PROJECTION
from shared import repairs
from shared.database import Database
from shared.events import DUTIES, Event, Received, ScheduleChanged, UnitChanged
from tests.conftest import DatabaseFor
from tests.integration.test_facts_transitions import PERSON, at, counter, learn, plan, punch, rows, said, tick
from tests.kit import worlds
from tests.kit.disowning import Logs, context_of, disowning


@pytest_asyncio.fixture
async def db(database_for: DatabaseFor) -> AsyncIterator[Database]:
    yield await database_for("reporting")


async def fold(db: Database, *events: Received) -> None:
    async with db.transaction() as tx:
        await facts.apply(tx, events)


async def repaired(db: Database, logs: Logs) -> None:
    assert await repairs.settle(PROJECTION, facts.rejoin, context_of("reporting", db), logs.open) == 1


def sent(event: Event) -> Received:
    return worlds.received([(uuid4(), event)])[0]


async def test_a_plan_that_only_a_disowned_event_knew_is_announced_as_not_due_and_comes_back_when_revoked(
    db: Database,
) -> None:
    false = sent(plan())
    logs = Logs([false])
    await fold(db, false)
    assert await said(db, at("06:00")) == []
    assert await said(db, at("07:31")) == [("on_time", "pending", "not_met")]
    await fold(db, disowning(false.id, false.type))
    assert await said(db, at("07:32")) == []  # the plan stands until another takes its place
    await repaired(db, logs)
    expected = [("on_time", "not_met", "not_due")]
    expected += [(duty, "pending", "not_due") for duty in DUTIES if duty != "on_time"]
    assert sorted(await said(db, at("07:33"))) == sorted(expected)
    assert await said(db, at("07:34")) == []
    await fold(db, disowning(false.id, false.type, 2, revoked=True))
    await repaired(db, logs)
    assert ("on_time", "not_due", "not_met") in await said(db, at("07:35"))


async def test_a_counter_that_only_a_disowned_event_knew_is_announced_as_closed(db: Database) -> None:
    false = sent(counter())
    await fold(db, false)
    assert await said(db, at("09:00")) == [("counter-a", "closed", "short")]
    await fold(db, disowning(false.id, false.type))
    await repaired(db, Logs([false]))
    assert await said(db, at("09:01")) == [("counter-a", "short", "closed")]
    assert await said(db, at("09:02")) == []


async def test_where_the_owners_record_takes_the_place_only_the_difference_is_announced(db: Database) -> None:
    true, false = sent(counter()), sent(counter(revision=2**40, requirements=[]))
    plans = sent(plan()), sent(plan(revision=2**40, mode="OFF"))
    arrived = sent(punch("in", at("07:20")))
    await fold(db, true, false, *plans, arrived)
    assert await said(db, at("09:00")) == []
    assert await said(db, at("09:01")) == []
    logs = Logs([true, false, *plans, arrived])
    await fold(db, disowning(false.id, false.type))
    await repaired(db, logs)
    await fold(db, disowning(plans[1].id, plans[1].type))
    await repaired(db, logs)
    announced = set(await said(db, at("09:02")))
    assert ("on_time", "not_due", "met") in announced
    assert ("counter-a", "closed", "met") in announced
    assert not {one for one in announced if one[2] in ("not_due", "closed", "short")}


async def test_what_is_taken_back_keeps_the_count_of_announcements_and_names_the_office(db: Database) -> None:
    false = sent(plan())
    await learn(db, counter(requirements=[]))
    await fold(db, false)
    await said(db, at("06:00"))
    await said(db, at("07:31"))
    await fold(db, disowning(false.id, false.type))
    await repaired(db, Logs([false]))
    assert await tick(db, at("07:33")) == 5
    for row in await rows(db):
        assert (row["revision"], row["opd_code"], row["key"]) == (2, "OPD-1", str(PERSON))
        assert row["work_date"] == str(dt.date(2025, 11, 6))


async def test_the_tables_of_what_is_gone_are_emptied_whatever_took_the_place(db: Database) -> None:
    true, false = sent(plan()), sent(plan(revision=9, mode="OFF"))
    await fold(db, true, false)
    await fold(db, disowning(false.id, ScheduleChanged.topic))
    await repaired(db, Logs([true, false]))
    true_unit, false_unit = sent(counter()), sent(counter(revision=9))
    await fold(db, true_unit, false_unit)
    await fold(db, disowning(false_unit.id, UnitChanged.topic))
    await repaired(db, Logs([true_unit, false_unit]))
    await said(db, at("06:00"))
    async with db.read() as tx:
        for table in ("gone_plan", "gone_unit", "repair"):
            assert await tx.connection.fetchval(f"select count(*) from {table}") == 0  # noqa: S608 - named above
