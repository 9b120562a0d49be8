"""A counter's day, case by case: who counts, from when to when, and what it makes the status."""

import datetime as dt
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from services.reporting.commands import facts
from services.reporting.views import counters
from shared.database import Database
from shared.events import (
    AttendanceRecorded,
    CalendarChanged,
    Event,
    Holiday,
    OutageDeclared,
    ScheduleChanged,
    Scope,
)
from shared.events.base import Mode, PunchKind, Zone
from tests.conftest import DatabaseFor
from tests.kit import worlds
from tests.kit.worlds import counter, hours

DAY = dt.date(2025, 11, 6)
ANNA, BUDI = uuid4(), uuid4()


def at(text: str) -> dt.datetime:
    """`DD HH:MM[:SS]` of November 2025 in Jakarta."""
    day, clock = text.split()
    return dt.datetime.fromisoformat(f"2025-11-{day}T{clock}+07:00")


def plan(who: UUID, begin: str = "06 07:30", end: str = "06 16:00", mode: Mode = "WFO") -> Event:
    return ScheduleChanged(
        employee_id=who,
        opd_code="OPD-1",
        unit_id="counter",
        work_date=at(begin).date(),
        revision=1,
        mode=mode,
        starts_at=at(begin),
        ends_at=at(end),
    )


def punch(
    who: UUID,
    kind: PunchKind,
    when: str,
    zone: Zone = "office",
    *,
    date: dt.date = DAY,
    punch_id: int | None = None,
) -> Event:
    return AttendanceRecorded(
        punch_id=UUID(int=punch_id) if punch_id is not None else uuid4(),
        employee_id=who,
        opd_code="OPD-1",
        unit_id="elsewhere",  # the plan's unit decides, not the punch's
        work_date=date,
        kind=kind,
        at=at(when),
        received_at=at(when),
        zone=zone,
        source="app",
    )


@pytest_asyncio.fixture
async def db(database_for: DatabaseFor) -> AsyncIterator[Database]:
    yield await database_for("reporting")


async def day(db: Database, events: list[Event], t: str = "07 00:00", date: dt.date = DAY) -> dict[str, Any]:
    async with db.transaction() as tx:
        await facts.apply(tx, worlds.received([(uuid4(), event) for event in events]))
    async with db.read() as tx:
        timeline = await counters.timeline(tx, "counter", date, at(t))
    return timeline.model_dump(mode="json", by_alias=True)


def spans(found: dict[str, Any]) -> list[tuple[str, int, int, int, str]]:
    """Segments as (local begin, required, low, high, status)."""
    return [
        (
            dt.datetime.fromisoformat(s["from"]).astimezone(worlds.WIB).strftime("%H:%M:%S"),
            s["required"],
            s["present_low"],
            s["present_high"],
            s["status"],
        )
        for s in found["segments"]
    ]


async def test_a_day_of_one_clerk_to_the_second(db: Database) -> None:
    found = await day(
        db,
        [
            counter(hours("08:00", "15:00", 1)),
            plan(ANNA),
            punch(ANNA, "in", "06 08:10:30"),
            punch(ANNA, "out", "06 12:00"),
            punch(ANNA, "in", "06 12:45"),
        ],
    )
    assert spans(found) == [
        ("00:00:00", 0, 0, 0, "closed"),
        ("08:00:00", 1, 0, 0, "short"),
        ("08:10:30", 1, 1, 1, "met"),
        ("12:00:00", 1, 0, 0, "short"),
        ("12:45:00", 1, 1, 1, "met"),
        ("15:00:00", 0, 1, 1, "closed"),
        ("16:00:00", 0, 0, 0, "closed"),
    ]
    short = 630 + 45 * 60
    assert (found["open_seconds"], found["short_seconds"]) == (7 * 3600, short)
    assert found["met_seconds"] == 7 * 3600 - short
    assert found["attainment"] == found["low"] == (7 * 3600 - short) / (7 * 3600)
    assert (found["short_person_minutes"], found["spent_minutes"]) == (short / 60, short / 60)
    assert found["status"] == "closed"  # as_of is not on the date


async def test_at_an_instant_who_is_in_is_present_until_they_go(db: Database) -> None:
    known = [counter(hours("08:00", "15:00", 1)), plan(ANNA), punch(ANNA, "in", "06 08:10")]
    for t, status, low in (("06 08:09:59", "short", 0), ("06 08:10", "met", 1), ("06 12:00", "met", 1)):
        found = await day(db, known, t)
        assert (found["status"], found["present_low"], found["required"]) == (status, low, 1)
        known = []
    found = await day(db, [punch(ANNA, "out", "06 13:00")], "06 13:00")
    assert (found["status"], found["present_low"]) == ("short", 0)
    assert found["segments"][-1]["to"] == "2025-11-06T06:00:00Z"


async def test_an_uncertain_position_can_only_make_it_unknown(db: Database) -> None:
    known = [counter(hours("08:00", "15:00", 1)), plan(ANNA), punch(ANNA, "in", "06 07:20", "uncertain")]
    found = await day(db, known, "06 09:00")
    assert (found["status"], found["present_low"], found["present_high"]) == ("unknown", 0, 1)
    assert (found["low"], found["high"]) == (0, 1)


async def test_elsewhere_and_working_from_home_man_no_counter(db: Database) -> None:
    known = [
        counter(hours("08:00", "15:00", 1)),
        plan(ANNA),
        punch(ANNA, "in", "06 07:20", "elsewhere"),
        plan(BUDI, mode="WFH"),
        punch(BUDI, "in", "06 07:20"),
    ]
    found = await day(db, known, "06 09:00")
    assert (found["status"], found["present_high"]) == ("short", 0)


async def test_an_outage_makes_short_unknown_while_it_lasts(db: Database) -> None:
    outage = OutageDeclared(
        outage_id=uuid4(),
        revision=1,
        scope=Scope(unit_ids=["counter"]),
        starts_at=at("06 09:00"),
        ends_at=at("06 10:00"),
        reason="x",
        declared_by="OPD-1",
    )
    found = await day(db, [counter(hours("08:00", "15:00", 1)), outage])
    assert [(span[0], span[4]) for span in spans(found)] == [
        ("00:00:00", "closed"),
        ("08:00:00", "short"),
        ("09:00:00", "unknown"),
        ("10:00:00", "short"),
        ("15:00:00", "closed"),
    ]


async def test_a_night_shift_counts_after_midnight_and_one_person_counts_once(db: Database) -> None:
    night = counter(hours("00:00", "08:00", 1, weekdays=[0, 1, 2, 3, 4, 5, 6]))
    yesterday = dt.date(2025, 11, 5)
    found = await day(
        db,
        [
            night,
            plan(ANNA, "05 22:00", "06 06:00"),
            punch(ANNA, "in", "05 21:50", date=yesterday),
            punch(ANNA, "out", "06 06:10", date=yesterday),
            plan(ANNA, "06 05:00", "06 16:00"),
            punch(ANNA, "in", "06 06:00"),
        ],
        "06 12:00",
    )
    assert spans(found) == [("00:00:00", 1, 1, 1, "met"), ("08:00:00", 0, 1, 1, "closed")]
    assert (found["fill"], found["short_person_minutes"]) == (1, 0)


async def test_on_a_holiday_only_holiday_hours_count_of_the_latest_requirements(db: Database) -> None:
    older = hours("08:00", "12:00", 5, on_holidays=True)
    newer = hours("08:00", "15:00", 1, effective_from=DAY)
    holiday = CalendarChanged(year=2025, revision=1, holidays=[Holiday(date=DAY, kind="national", name="x")])
    found = await day(db, [counter(older, newer), holiday])
    assert found["open_seconds"] == 0
    assert found["attainment"] is None
    found = await day(db, [], "06 00:00", date=dt.date(2025, 11, 5))
    assert found["open_seconds"] == 4 * 3600


@pytest.mark.parametrize("never", [("12:00", "12:00"), ("15:00", "08:00")])
async def test_requirements_that_are_never_open_are_still_the_latest_and_close_the_counter(
    db: Database, never: tuple[str, str]
) -> None:
    found = await day(db, [counter(hours("08:00", "12:00", 5), hours(*never, 1, effective_from=DAY))])
    assert spans(found) == [("00:00:00", 0, 0, 0, "closed")]
    assert (found["open_seconds"], found["attainment"]) == (0, None)
    before = await day(db, [], "06 00:00", date=dt.date(2025, 11, 5))
    assert before["open_seconds"] == 4 * 3600


async def test_the_largest_of_overlapping_requirements_holds_and_midnight_closes(db: Database) -> None:
    found = await day(db, [counter(hours("20:00", "24:00", 1), hours("21:00", "22:00", 3))])
    assert [(span[0], span[1]) for span in spans(found)] == [
        ("00:00:00", 0),
        ("20:00:00", 1),
        ("21:00:00", 3),
        ("22:00:00", 1),
    ]
    assert found["short_person_minutes"] == 60 * (3 + 3)


async def test_in_and_out_at_the_same_instant_is_no_presence_whatever_their_ids(db: Database) -> None:
    known = [
        counter(hours("08:00", "15:00", 1)),
        plan(ANNA),
        punch(ANNA, "out", "06 09:00", punch_id=1),
        punch(ANNA, "in", "06 09:00", punch_id=2),
    ]
    assert (await day(db, known))["met_seconds"] == 0
    assert (await day(db, [], "06 10:00"))["present_low"] == 0


@pytest.mark.parametrize("out", ["06 05:30", "07 09:00", "08 09:00", "09 09:00", "10 09:00", "20 09:00"])
async def test_whoever_is_said_to_stay_for_days_is_found_on_each_of_them(db: Database, out: str) -> None:
    """No plan reaches so far, and no look-up by the plan's hours finds them."""
    wednesday = dt.date(2025, 11, 5)
    week = counter(hours("00:00", "24:00", 1, weekdays=[0, 1, 2, 3, 4, 5, 6]))
    known = [
        week,
        plan(ANNA, "05 07:30", "05 16:00"),
        punch(ANNA, "in", "05 07:20", date=wednesday),
        punch(ANNA, "out", out, date=wednesday),
    ]
    last = at(out).date()
    for date in (wednesday + dt.timedelta(days=n) for n in range(1, 17)):
        found = await day(db, known, "30 00:00", date)
        known = []
        if date < last:
            assert spans(found) == [("00:00:00", 1, 1, 1, "met")], date
        elif date == last:
            assert spans(found)[:2] == [
                ("00:00:00", 1, 1, 1, "met"),
                (f"{out.split()[1]}:00", 1, 0, 0, "short"),
            ], date
        else:
            assert spans(found) == [("00:00:00", 1, 0, 0, "short")], date


@pytest.mark.parametrize("days", [1, 2, 3, 30])
async def test_whoever_is_said_to_come_days_before_is_found_at_once(db: Database, days: int) -> None:
    date = DAY + dt.timedelta(days=days)
    begin = dt.datetime.combine(date, dt.time(7, 30), worlds.WIB)
    later = plan(ANNA, "06 07:30", "06 16:00").model_copy(
        update={"work_date": date, "starts_at": begin, "ends_at": begin + dt.timedelta(hours=8)}
    )
    known = [counter(hours("08:00", "15:00", 1)), later, punch(ANNA, "in", "06 09:00", date=date)]
    found = await day(db, known)
    assert [span[4] for span in spans(found)] == ["closed", "short", "met", "closed"]
