"""What is said of the near future of counters: once for each shortage, by one replica, and its end."""

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio

from services.reporting.commands import facts
from services.reporting.commands.steps import drain
from services.reporting.store import counters, rebuild
from services.reporting.tasks import forecast
from shared.database import Database
from shared.events import AttendanceRecorded, Event, OutageDeclared, ScheduleChanged, Scope
from tests.conftest import DatabaseFor
from tests.kit.reporting import COUNTER, DAY, OPD, at, check_in, plan, received, unit

ANNA, BUDI = uuid4(), uuid4()


@pytest_asyncio.fixture
async def db(database_for: DatabaseFor) -> AsyncIterator[Database]:
    """A counter that opens at 08:00 with two people at least; both are planned from 07:30 on."""
    db = await database_for("reporting")
    await learn(db, unit(COUNTER, OPD, "x", "y", 2), plan(ANNA, OPD, COUNTER), plan(BUDI, OPD, COUNTER))
    yield db


async def learn(db: Database, *events: Event) -> None:
    async with db.transaction() as tx:
        await facts.apply(tx, [received(event) for event in events])
    await drain(db, at("07:00"))


async def told(db: Database, now: dt.datetime) -> list[dict[str, Any]]:
    """What one more look says."""
    await forecast.look(db, now)
    return await taken(db)


async def taken(db: Database) -> list[dict[str, Any]]:
    async with db.transaction() as tx:
        rows = await tx.connection.fetch(
            "delete from outbox where topic = 'coverage.forecast.v1' returning id, key, value, headers"
        )
    return [
        {"key": row["key"].decode(), "id": row["headers"]["ce_id"], **json.loads(row["value"])}
        for row in sorted(rows, key=lambda row: row["id"])
    ]


def left(employee_id: UUID, clock: str) -> AttendanceRecorded:
    return check_in(employee_id, clock).model_copy(update={"kind": "out"})


def outage(begins: str, ends: str, *, revision: int = 1) -> OutageDeclared:
    return OutageDeclared(
        outage_id=UUID(int=5),
        revision=revision,
        scope=Scope(unit_ids=[COUNTER]),
        starts_at=at(begins),
        ends_at=at(ends),
        reason="x",
        declared_by="x",
        revoked=False,
    )


async def test_a_shortage_is_told_twenty_minutes_ahead_once_and_its_end_too(db: Database) -> None:
    await learn(db, check_in(ANNA, "07:25"))
    assert await told(db, at("07:20")) == []
    assert await told(db, at("07:30")) == []  # Budi is not late yet, and 08:00 is further away
    assert await told(db, at("07:39")) == []
    [soon] = await told(db, at("07:40"))
    assert soon["key"] == soon["unit_id"] == COUNTER
    assert (soon["opd_code"], soon["revision"], soon["status"]) == (OPD, 1, "will_fall_short")
    assert (soon["required"], soon["expected"]) == (2, 1)
    assert dt.datetime.fromisoformat(soon["starts_at"]) == dt.datetime.fromisoformat(soon["at"]) == at("08:00")
    assert dt.datetime.fromisoformat(soon["ends_at"]) == at("15:00")
    assert await told(db, at("07:50")) == []
    assert await told(db, at("08:10")) == []  # short: that is said elsewhere
    await learn(db, check_in(BUDI, "08:11"))
    [held] = await told(db, at("08:12"))
    assert (held["revision"], held["status"], held["required"], held["expected"]) == (2, "holds", 2, 2)
    assert held["starts_at"] is held["ends_at"] is None
    assert held["id"] != soon["id"]
    assert await told(db, at("08:13")) == []


async def test_who_leaves_and_whose_plan_becomes_leave_is_not_expected(db: Database) -> None:
    await learn(db, check_in(ANNA, "07:25"), check_in(BUDI, "07:26"))
    assert await told(db, at("07:45")) == []
    away = plan(BUDI, OPD, COUNTER, "LEAVE").model_copy(update={"revision": 2})
    await learn(db, away)
    [soon] = await told(db, at("07:46"))
    assert (soon["status"], soon["expected"]) == ("will_fall_short", 1)
    back: ScheduleChanged = plan(BUDI, OPD, COUNTER).model_copy(update={"revision": 3})
    await learn(db, back)
    assert [one["status"] for one in await told(db, at("07:47"))] == ["holds"]
    await learn(db, left(BUDI, "07:48"))
    assert [one["status"] for one in await told(db, at("07:49"))] == ["will_fall_short"]


async def test_in_an_outage_nothing_is_said(db: Database) -> None:
    await learn(db, outage("07:30", "07:50"))
    assert await told(db, at("07:45")) == []
    assert [one["status"] for one in await told(db, at("07:50"))] == ["will_fall_short"]
    await learn(db, outage("07:30", "07:52", revision=2), check_in(ANNA, "07:51"), check_in(BUDI, "07:51"))
    assert await told(db, at("07:51")) == []
    assert [one["status"] for one in await told(db, at("07:52"))] == ["holds"]


async def test_a_counter_that_is_short_at_once_was_not_foreseen(db: Database) -> None:
    await learn(db, check_in(ANNA, "07:25"), check_in(BUDI, "07:26"))
    assert await told(db, at("10:00")) == []
    await learn(db, left(BUDI, "10:01"))
    assert await told(db, at("10:02")) == []
    await learn(db, check_in(BUDI, "10:03"))
    assert await told(db, at("10:04")) == []


async def test_a_night_counter_is_foreseen_across_midnight(db: Database) -> None:
    night = unit(COUNTER, OPD, "x", "y", 1)
    [hours] = night.requirements
    hours = hours.model_copy(update={"opens": "00:00", "closes": "24:00"})
    guard = plan(ANNA, OPD, COUNTER).model_copy(
        update={"starts_at": at("16:00"), "ends_at": at("00:10", DAY + dt.timedelta(1)), "revision": 2}
    )
    await learn(
        db,
        night.model_copy(update={"revision": 2, "requirements": [hours]}),
        guard,
        check_in(ANNA, "15:55"),
        plan(BUDI, OPD, COUNTER, "OFF").model_copy(update={"revision": 2}),
    )
    assert await told(db, at("23:49")) == []
    [soon] = await told(db, at("23:50"))
    assert dt.datetime.fromisoformat(soon["starts_at"]) == at("00:10", DAY + dt.timedelta(1))
    assert soon["ends_at"] is None


async def test_what_is_no_service_point_any_more_will_not_fall_short(db: Database) -> None:
    assert [one["status"] for one in await told(db, at("07:45"))] == ["will_fall_short"]
    await learn(db, unit(COUNTER, OPD, "x", "y", 2).model_copy(update={"is_service_point": False, "revision": 2}))
    [held] = await told(db, at("07:46"))
    assert (held["status"], held["opd_code"], held["required"]) == ("holds", OPD, 0)


async def test_replicas_and_a_rebuild_say_nothing_twice(db: Database) -> None:
    await asyncio.gather(*(forecast.look(db, at("07:45")) for _ in range(4)))
    assert len(await taken(db)) == 1
    async with db.transaction() as tx:
        await rebuild.empty(tx, ["fact_plan", "fact_unit"])
    assert await told(db, at("07:46")) == []
    async with db.transaction() as tx:
        await facts.apply(tx, [received(unit(COUNTER, OPD, "x", "y", 2)), received(plan(ANNA, OPD, COUNTER))])
        await rebuild.rebuilt(tx, ["fact_plan", "fact_unit"])
    await drain(db, at("07:46"))
    assert await told(db, at("07:47")) == []


async def test_a_counter_that_is_being_counted_is_passed_over_once(db: Database) -> None:
    left_out = set[str]()
    async with db.transaction() as tx:
        await facts.apply(tx, [received(check_in(ANNA, "07:25"))])
        assert await counters.uncounted(tx, DAY, at("07:45")) == [COUNTER]
    assert await forecast.look(db, at("07:45"), left_out) == 0
    assert left_out == {COUNTER}
    assert await forecast.look(db, at("07:46"), left_out) == 1
    [soon] = await taken(db)
    assert soon["expected"] == 1
