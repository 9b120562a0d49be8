"""Each change of a verdict or of a counter is announced once, whatever happens between the ticks."""

import datetime as dt
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio

from services.reporting.commands import facts
from services.reporting.commands.steps import drain
from services.reporting.facts import PROJECTION
from services.reporting.store import rebuild, transitions
from services.reporting.tasks import transitions as ticker
from shared.database import Database
from shared.events import (
    DUTIES,
    AttendanceRecorded,
    AttendanceVoided,
    Event,
    Requirement,
    RulesChanged,
    ScheduleChanged,
    UnitChanged,
)
from shared.events.base import Mode, PunchKind
from tests.conftest import DatabaseFor
from tests.kit import worlds

PERSON = uuid4()
THURSDAY = dt.date(2025, 11, 6)
Said = list[tuple[str, str, str]]


def at(clock: str, day: int = 6) -> dt.datetime:
    return dt.datetime.fromisoformat(f"2025-11-{day:02}T{clock}+07:00")


def plan(date: dt.date = THURSDAY, *, person: UUID = PERSON, revision: int = 1, mode: Mode = "WFO") -> Event:
    worked = mode in ("WFO", "WFH")
    return ScheduleChanged(
        employee_id=person,
        opd_code="OPD-1",
        unit_id="counter-a",
        work_date=date,
        revision=revision,
        mode=mode,
        starts_at=at("07:30", date.day) if worked else None,
        ends_at=at("16:00", date.day) if worked else None,
    )


def punch(kind: PunchKind, when: dt.datetime, punch_id: UUID | None = None) -> Event:
    return AttendanceRecorded(
        punch_id=punch_id or uuid4(),
        employee_id=PERSON,
        opd_code="OPD-1",
        unit_id="counter-a",
        work_date=THURSDAY,
        kind=kind,
        at=when,
        received_at=when,
        zone="office",
        source="app",
    )


def counter(**given: Any) -> Event:
    hours = Requirement(
        effective_from=dt.date(2025, 1, 1), weekdays=[0, 1, 2, 3, 4], opens="08:00", closes="15:00", min_staff=1
    )
    return UnitChanged.model_validate(
        {
            "unit_id": "counter-a",
            "revision": 1,
            "opd_code": "OPD-1",
            "opd_name": "x",
            "name": "x",
            "is_service_point": True,
            "requirements": [hours],
            **given,
        }
    )


@pytest_asyncio.fixture
async def db(database_for: DatabaseFor) -> AsyncIterator[Database]:
    yield await database_for("reporting")


async def learn(db: Database, *events: Event) -> None:
    async with db.transaction() as tx:
        await facts.apply(tx, worlds.received([(uuid4(), event) for event in events]))


async def tick(db: Database, now: dt.datetime) -> int:
    """A round of the ticker, once what was learnt is computed. Raises what either of them had to leave out."""
    left_out: ExceptionGroup | None = None
    try:
        await drain(db, now)
    except ExceptionGroup as errors:
        left_out = errors
    published = await ticker.tick(db, now)
    if left_out is not None:
        raise left_out
    return published


async def rows(db: Database) -> list[dict[str, Any]]:
    """What is in the outbox, taken out of it."""
    import json

    async with db.transaction() as tx:
        taken = await tx.connection.fetch("delete from outbox returning id, topic, key, value, headers")
    return [
        {
            "topic": row["topic"],
            "key": row["key"].decode(),
            "id": row["headers"]["ce_id"],
            **json.loads(row["value"]),
        }
        for row in sorted(taken, key=lambda row: row["id"])
    ]


async def said(db: Database, now: dt.datetime) -> Said:
    """What one tick announces: (duty or unit, previous, now), in the order of the duties."""
    await tick(db, now)
    return [
        (row.get("duty") or row["unit_id"], row["previous"], row.get("state") or row["status"])
        for row in await rows(db)
    ]


async def test_leaving_pending_is_announced_once(db: Database) -> None:
    await learn(db, plan(dt.date(2025, 11, 6)))
    assert await said(db, at("06:00")) == []
    await learn(db, punch("in", at("07:20")))
    assert await said(db, at("07:21")) == [("on_time", "pending", "met"), ("place", "pending", "met")]
    assert await said(db, at("07:22")) == []


async def test_time_alone_makes_a_duty_leave_pending(db: Database) -> None:
    await learn(db, plan())
    assert await said(db, at("06:00")) == []
    assert await said(db, at("07:30")) == []
    assert await said(db, at("07:30:00.000001")) == [("on_time", "pending", "not_met")]
    assert await said(db, at("16:00")) == []
    late = [("place", "pending", "not_met"), ("hours", "pending", "not_met")]
    assert await said(db, at("16:00:01")) == late
    assert await said(db, at("00:00", 7)) == [("report", "pending", "not_met"), ("output", "pending", "not_met")]


async def test_a_later_change_is_announced_with_the_next_revision_and_an_id_of_its_own(db: Database) -> None:
    seen: list[dict[str, Any]] = []
    wrong = uuid4()
    await learn(db, plan())
    await tick(db, at("06:00"))
    await learn(db, punch("in", at("07:20"), wrong))
    await tick(db, at("07:40"))
    seen += await rows(db)
    void = AttendanceVoided(
        punch_id=wrong,
        employee_id=PERSON,
        work_date=THURSDAY,
        voided_at=at("08:00"),
        voided_by="x",
        reason="x",
    )
    await learn(db, void)
    await tick(db, at("08:01"))
    seen += await rows(db)
    on_time = [(r["revision"], r["previous"], r["state"]) for r in seen if r["duty"] == "on_time"]
    assert on_time == [(1, "pending", "met"), (2, "met", "not_met")]
    assert len({row["id"] for row in seen}) == len(seen)
    assert {row["key"] for row in seen} == {str(PERSON)}


async def test_a_plan_and_its_punch_within_one_tick_still_leave_pending(db: Database) -> None:
    await learn(db, plan(), punch("in", at("07:20")))
    assert await said(db, at("07:21")) == [("on_time", "pending", "met"), ("place", "pending", "met")]


async def test_the_first_state_of_a_day_that_is_over_is_no_transition(db: Database) -> None:
    await learn(db, plan(), punch("in", at("07:20")))
    assert await said(db, at("08:00", 7)) == []
    await learn(db, punch("out", at("16:10")))
    assert await said(db, at("08:01", 7)) == [("hours", "unknown", "met")]


async def test_days_older_than_35_days_are_never_announced(db: Database) -> None:
    old, now = THURSDAY, dt.datetime(2025, 12, 12, 5, tzinfo=dt.UTC)
    await learn(db, plan(old))
    await tick(db, now)
    await learn(db, punch("in", at("07:20")))
    assert await said(db, now) == []


async def test_changed_rules_judge_every_recent_day_anew(db: Database) -> None:
    await learn(db, plan(), punch("in", at("07:33")))
    assert ("on_time", "pending", "not_met") in await said(db, at("07:40"))
    rules = RulesChanged(
        rules_version="r",
        effective_from=dt.date(2025, 1, 1),
        tolerance_minutes=5,
        report_modes=["WFO"],
        report_cutoff="23:59:59",
        review_sla_working_days=3,
    )
    await learn(db, rules)
    assert await said(db, at("07:41")) == [("on_time", "not_met", "met")]


async def test_a_leave_granted_during_the_day_takes_its_duties_back(db: Database) -> None:
    await learn(db, plan())
    await tick(db, at("06:00"))
    await learn(db, plan(revision=2, mode="LEAVE"))
    taken = [(duty, "pending", "not_due") for duty in DUTIES]
    assert await said(db, at("06:30")) == taken


async def test_a_punch_from_a_fast_clock_counts_when_its_time_comes(db: Database) -> None:
    await learn(db, plan(), punch("in", at("07:20")))
    assert await said(db, at("07:19")) == []
    assert await said(db, at("07:20")) == [("on_time", "pending", "met"), ("place", "pending", "met")]


async def test_a_counter_is_announced_when_its_status_changes(db: Database) -> None:
    await learn(db, counter(), plan())
    assert await said(db, at("07:00")) == []
    assert await said(db, at("07:59:59")) == [("on_time", "pending", "not_met")]
    assert await said(db, at("08:00")) == [("counter-a", "closed", "short")]
    await learn(db, punch("in", at("08:10")))
    assert ("counter-a", "short", "met") in await said(db, at("08:11"))
    # Nobody checked out: presence ends with the plan, the counter closed before.
    assert ("counter-a", "met", "closed") in await said(db, at("15:00"))
    await learn(db, counter(revision=2, is_service_point=False))
    assert await said(db, at("15:01")) == []


async def test_two_tickers_announce_once(db: Database) -> None:
    await learn(db, plan())
    await tick(db, at("06:00"))
    await learn(db, punch("in", at("07:20")))
    async with db.transaction() as tx:
        assert await transitions.may_announce(tx)
        assert await said(db, at("07:21")) == []  # the other one has the lock
    assert len(await said(db, at("07:21"))) == 2


async def test_nothing_is_announced_from_half_rebuilt_facts(db: Database) -> None:
    tables = [table.name for table in PROJECTION.tables]
    punched = punch("in", at("07:20"))
    await learn(db, plan(), punched)
    assert len(await said(db, at("07:21"))) == 2
    async with db.transaction() as tx:
        await rebuild.empty(tx, tables)
    await learn(db, plan())
    assert await said(db, at("09:00")) == []
    await learn(db, punched)
    async with db.transaction() as tx:
        await rebuild.rebuilt(tx, tables)
    assert await said(db, at("09:01")) == []


async def test_a_counter_just_touched_is_passed_over_for_one_round_and_never_for_two(db: Database) -> None:
    left_out = set[str]()
    await learn(db, plan(), counter(), punch("in", at("07:20")))  # nobody counts it
    assert await ticker.tick(db, at("08:30"), left_out) == 0
    assert left_out == {"counter-a"}
    assert await ticker.tick(db, at("08:31"), left_out) == 1
    assert left_out == set()
    assert [row["topic"] for row in await rows(db)] == ["coverage.changed.v1"]


async def told(db: Database) -> Said:
    return [(row["unit_id"], row["previous"], row["status"]) for row in await rows(db) if "unit_id" in row]


async def test_a_counter_that_was_counted_is_announced_at_once_and_no_round_takes_it_back(db: Database) -> None:
    await learn(db, counter(), plan(), punch("in", at("07:20")))
    await tick(db, at("08:30"))
    await rows(db)
    await learn(db, punch("out", at("09:00")))
    await drain(db, at("09:00:00"))
    assert await ticker.announce_counted(db, at("09:00:00"), ["counter-a"]) == 1
    assert await told(db) == [("counter-a", "met", "short")]
    # A round looks at people as of a second before; at counters it does not.
    await ticker.tick(db, at("08:59:59"), set(), at("09:00:00"))
    assert await told(db) == []


async def test_what_an_opening_counter_needs_waits_a_second_for_those_on_their_way(db: Database) -> None:
    await learn(db, counter(), plan())
    await tick(db, at("07:50"))
    await rows(db)
    await drain(db, at("08:00:00"))
    assert await ticker.announce_counted(db, at("08:00:00"), ["counter-a"]) == 0
    await ticker.tick(db, at("07:59:59"), set(), at("08:00:00"))
    assert await told(db) == []
    await ticker.tick(db, at("08:00:00"), set(), at("08:00:01"))
    assert await told(db) == [("counter-a", "closed", "short")]


async def test_while_another_announces_a_counted_counter_waits(db: Database) -> None:
    await learn(db, counter(), plan())
    await drain(db, at("09:00"))
    async with db.transaction() as tx:
        assert await transitions.may_announce(tx)
        assert await ticker.announce_counted(db, at("09:00"), ["counter-a"]) is None
    assert await ticker.announce_counted(db, at("09:00"), ["counter-a"]) == 1
