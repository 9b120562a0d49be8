"""What a time that nobody could verify may decide, and what it may not: duties, counters, reasons, announcements."""

# ruff: noqa: E501 - a table of cases reads best one case a line

import datetime as dt
import json
from collections.abc import AsyncIterator
from typing import Any, Literal
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from services.reporting.commands import facts, steps
from services.reporting.tasks import transitions
from services.reporting.views import counters, people
from shared.database import Database
from shared.events import (
    AttendanceRecorded,
    AttendanceVoided,
    Event,
    OutageDeclared,
    RulesChanged,
    ScheduleChanged,
    Scope,
)
from shared.events.base import Mode, PunchKind, Zone
from shared.messages import Language
from tests.conftest import DatabaseFor
from tests.kit import worlds

DAY = dt.date(2025, 11, 6)
PERSON = uuid4()
NOON, EVENING, MIDNIGHT = "12:00", "20:00", "23:59:59.999999"
END = "24:00"


def at(clock: str) -> dt.datetime:
    """A local time of the day."""
    if clock == END:
        return dt.datetime.combine(DAY + dt.timedelta(days=1), dt.time(), worlds.WIB)
    return dt.datetime.combine(DAY, dt.time.fromisoformat(clock), worlds.WIB)


TimeTrust = Literal["server", "verified", "unverified"]
TRUSTS: tuple[TimeTrust, ...] = ("server", "verified", "unverified")


def plan(who: UUID = PERSON, starts: str = "07:30", ends: str = "16:00", mode: Mode = "WFO") -> Event:
    return ScheduleChanged(
        employee_id=who,
        opd_code="OPD-1",
        unit_id="counter",
        work_date=DAY,
        revision=1,
        mode=mode,
        starts_at=at(starts),
        ends_at=at(ends),
    )


def punch(
    kind: PunchKind,
    when: str,
    received: str | None = None,
    *,
    trust: TimeTrust | None = None,
    zone: Zone = "office",
    who: UUID = PERSON,
    punch_id: UUID | None = None,
) -> AttendanceRecorded:
    """A punch: with `received` one that was handed over later, so its time is unverified unless said otherwise."""
    return AttendanceRecorded(
        punch_id=punch_id or uuid4(),
        employee_id=who,
        opd_code="OPD-1",
        unit_id="counter",
        work_date=DAY,
        kind=kind,
        at=at(when),
        received_at=at(received or when),
        zone=zone,
        source="offline" if received else "app",
        time_trust=trust or ("unverified" if received else "server"),
    )


def outage(begin: str, end: str) -> Event:
    return OutageDeclared(
        outage_id=uuid4(),
        revision=1,
        scope=Scope(all=True),
        starts_at=at(begin),
        ends_at=at(end),
        reason="x",
        declared_by="OPD-1",
    )


TOLERANT = RulesChanged(
    rules_version="1",
    effective_from=dt.date(2025, 1, 1),
    tolerance_minutes=5,
    report_modes=[],
    report_cutoff="17:00",
    review_sla_working_days=3,
)
OUT = punch("out", "16:00")

# (what is known, as of, duty, state)
CASES: list[tuple[str, list[Event], str, str, str]] = [
    ("in by an unverified clock, handed over after the deadline", [punch("in", "07:25", "13:00")], EVENING, "on_time", "unknown"),
    ("handed over a microsecond after the deadline", [punch("in", "07:25", "07:30:00.000001")], EVENING, "on_time", "unknown"),
    ("handed over at the deadline it is certain", [punch("in", "07:25", "07:30")], EVENING, "on_time", "met"),
    ("at the deadline by an unverified clock", [punch("in", "07:30", "13:00")], EVENING, "on_time", "unknown"),
    ("after the deadline by any clock", [punch("in", "07:30:00.000001", "13:00")], EVENING, "on_time", "not_met"),
    ("a verified clock is believed", [punch("in", "07:25", "13:00", trust="verified")], EVENING, "on_time", "met"),
    ("a second check-in that is certain", [punch("in", "07:20", "13:00"), punch("in", "07:28")], EVENING, "on_time", "met"),
    ("a second one that is certain too late", [punch("in", "07:20", "13:00"), punch("in", "07:31")], EVENING, "on_time", "unknown"),
    ("a certain one first, an unverified one later", [punch("in", "07:20"), punch("in", "07:28", "13:00")], EVENING, "on_time", "met"),
    ("tolerance moves the deadline", [TOLERANT, punch("in", "07:34", "13:00")], EVENING, "on_time", "unknown"),
    ("and what is certain by it", [TOLERANT, punch("in", "07:34", "07:35")], EVENING, "on_time", "met"),
    ("late by an unverified clock, with an outage", [outage("07:10", "07:20"), punch("in", "07:31", "13:00")], EVENING, "on_time", "unknown"),
    ("before it happened it does not count", [punch("in", "07:25", "13:00")], "07:24:59", "on_time", "pending"),
    ("as of a moment before it was received the same holds", [punch("in", "07:25", "13:00")], NOON, "on_time", "unknown"),
    ("by event time: received later but by the deadline", [punch("in", "07:20", "07:29")], "07:21", "on_time", "met"),
    ("a void takes it away", [p := punch("in", "07:25", "13:00"), AttendanceVoided(punch_id=p.punch_id, employee_id=PERSON, work_date=DAY, voided_at=at(NOON), voided_by="x", reason="x")], EVENING, "on_time", "not_met"),
    ("its zone decides on the place", [punch("in", "07:25", "13:00")], EVENING, "place", "met"),
    ("even before a certain one", [punch("in", "07:20", "13:00", zone="elsewhere"), punch("in", "07:28")], EVENING, "place", "not_met"),
    ("full hours by an unverified check-in", [punch("in", "07:25", "13:00"), OUT], EVENING, "hours", "unknown"),
    ("full hours from its receipt", [punch("in", "07:25", "07:29"), OUT], EVENING, "hours", "met"),
    ("full hours from its receipt, to the second", [punch("in", "07:25", "07:30"), OUT], EVENING, "hours", "met"),
    ("a microsecond less is not certain", [punch("in", "07:25", "07:30:00.000001"), OUT], EVENING, "hours", "unknown"),
    ("an unverified check-out never counts for certain", [punch("in", "07:25"), punch("out", "16:00", "16:01")], EVENING, "hours", "unknown"),
    ("not even one handed over at once", [punch("in", "07:25"), punch("out", "16:00", trust="unverified")], EVENING, "hours", "unknown"),
    ("a verified one does", [punch("in", "07:25"), punch("out", "16:00", "18:00", trust="verified")], EVENING, "hours", "met"),
    ("an earlier certain check-out that is enough", [punch("in", "07:00"), punch("out", "15:55"), punch("out", "16:30", "18:00")], EVENING, "hours", "met"),
    ("one that is not", [punch("in", "07:30"), punch("out", "15:55"), punch("out", "16:30", "18:00")], EVENING, "hours", "unknown"),
    ("short by every clock waits", [punch("in", "07:30", "13:00"), punch("out", "15:00")], MIDNIGHT, "hours", "pending"),
    ("and is short when the day closes", [punch("in", "07:30", "13:00"), punch("out", "15:00")], END, "hours", "not_met"),
    ("no check-out is a forgotten one", [punch("in", "07:30", "13:00")], END, "hours", "unknown"),
    ("a certain check-out before the receipt of the check-in", [punch("in", "07:30", "17:00"), OUT], EVENING, "hours", "unknown"),
    ("tolerance shortens the hours owed", [TOLERANT, punch("in", "07:25", "07:34"), punch("out", "15:59")], EVENING, "hours", "met"),
]  # fmt: skip


@pytest_asyncio.fixture
async def db(database_for: DatabaseFor) -> AsyncIterator[Database]:
    yield await database_for("reporting")


async def know(db: Database, *events: Event) -> list[str]:
    """Fold the events; their ids."""
    known = [(uuid4(), event) for event in events]
    async with db.transaction() as tx:
        await facts.apply(tx, worlds.received(known))
    return [str(ce_id) for ce_id, _ in known]


async def person_day(db: Database, t: str, language: Language = "id") -> dict[str, Any]:
    async with db.read() as tx:
        day = await people.person_day(tx, PERSON, DAY, at(t), language)
    return day.model_dump(mode="json")


@pytest.mark.parametrize(("events", "t", "duty", "state"), [pytest.param(*c[1:], id=c[0]) for c in CASES])
async def test_an_unverified_time_neither_convicts_nor_acquits(
    db: Database, events: list[Event], t: str, duty: str, state: str
) -> None:
    await know(db, plan(), *events)
    assert (await person_day(db, t))["duties"][duty]["state"] == state


async def test_hours_owed_of_nothing_need_a_check_out_after_the_check_in(db: Database) -> None:
    await know(db, plan(starts="07:30", ends="07:30"), punch("in", "07:25", "08:00"), punch("out", "08:00"))
    assert (await person_day(db, END))["duties"]["hours"]["state"] == "unknown"
    await know(db, punch("out", "08:00:00.000001"))
    assert (await person_day(db, END))["duties"]["hours"]["state"] == "met"


async def test_the_reason_names_both_times_and_the_punches_that_decided(db: Database) -> None:
    ids = await know(db, plan(), TOLERANT, punch("in", "07:25", "13:00"), punch("out", "16:00", "16:30"))
    day = await person_day(db, EVENING, "en")
    on_time, hours = day["duties"]["on_time"], day["duties"]["hours"]
    assert on_time["because"]["code"] == "on_time.in_unverified"
    assert on_time["because"]["params"] == {
        "first_in_at": "2025-11-06T00:25:00Z",
        "certain_in_at": "2025-11-06T06:00:00Z",
        "deadline": "2025-11-06T00:35:00Z",
    }
    assert "07:25:00" in on_time["because"]["text"]
    assert "13:00:00" in on_time["because"]["text"]
    assert on_time["event_ids"] == [ids[0], ids[2], ids[1]]
    assert hours["because"]["code"] == "hours.hours_unverified"
    assert "505 minutes" in hours["because"]["text"]
    assert hours["event_ids"] == [ids[0], ids[2], ids[3], ids[1]]


@pytest.mark.parametrize("trust", ["server", "verified"])
async def test_the_reason_says_that_a_time_was_verified(db: Database, trust: TimeTrust) -> None:
    await know(db, plan(), punch("in", "07:25", "13:00", trust=trust), punch("out", "16:00"))
    duties = (await person_day(db, EVENING, "en"))["duties"]
    for duty in ("on_time", "hours"):
        because = duties[duty]["because"]
        assert duties[duty]["state"] == "met"
        assert ("time_trust" in because["params"]) is (trust == "verified")
        assert ("verified against the server" in because["text"]) is (trust == "verified")
    assert "time_trust" not in duties["place"]["because"]["params"]


async def test_a_duty_that_is_met_names_the_certain_punches(db: Database) -> None:
    ids = await know(
        db,
        plan(),
        punch("in", "07:20", "13:00"),
        punch("in", "07:25", "07:28"),
        punch("out", "15:58"),
        punch("out", "16:40", "18:00"),
    )
    day = await person_day(db, EVENING, "id")
    on_time, hours = day["duties"]["on_time"], day["duties"]["hours"]
    assert (on_time["because"]["code"], on_time["event_ids"]) == ("on_time.in_by_deadline", [ids[0], ids[2]])
    assert "07.28.00" in on_time["because"]["text"]
    assert (hours["because"]["code"], hours["event_ids"]) == ("hours.hours_worked", [ids[0], ids[2], ids[3]])
    assert "15.58.00" in hours["because"]["text"]


async def test_the_digest_names_the_trust_of_a_time(db: Database) -> None:
    digests: set[str] = set()
    for trust in TRUSTS:
        async with db.transaction() as tx:
            await tx.connection.execute("delete from fact_punch")
            await facts.apply(
                tx,
                worlds.received([(UUID(int=2), punch("in", "07:25", "13:00", punch_id=UUID(int=1), trust=trust))]),
            )
        digests.add(await facts.digest(db))
    assert len(digests) == 3


async def test_a_punch_that_comes_late_is_announced_as_unknown_and_not_as_on_time(db: Database) -> None:
    await know(db, plan())
    await steps.drain(db, at("08:00"))
    await transitions.tick(db, at("08:00"))
    await know(db, punch("in", "07:25", "13:00"))
    await steps.drain(db, at("13:00:01"))
    await transitions.tick(db, at("13:00:01"))
    async with db.read() as tx:
        rows = await tx.connection.fetch(
            "select value from outbox where topic = 'compliance.changed.v1' order by id"
        )
    told = [
        (value["duty"], value["previous"], value["state"]) for value in (json.loads(row["value"]) for row in rows)
    ]
    assert told[0] == ("on_time", "pending", "not_met")
    assert ("on_time", "not_met", "unknown") in told


# --- Counters ----------------------------------------------------------------------------------------------

COUNTER = worlds.counter(worlds.hours("08:00", "15:00", 1, weekdays=[3]))


async def counter(db: Database, t: str) -> list[tuple[str, int, int, str]]:
    """The counter's segments as (local begin, low, high, status)."""
    async with db.read() as tx:
        timeline = await counters.timeline(tx, "counter", DAY, at(t))
    found = timeline.model_dump(mode="json", by_alias=True)
    return [
        (
            dt.datetime.fromisoformat(s["from"]).astimezone(worlds.WIB).strftime("%H:%M"),
            s["present_low"],
            s["present_high"],
            s["status"],
        )
        for s in found["segments"]
    ]


async def test_who_came_by_an_unverified_clock_may_be_there_and_is_not_surely_there(db: Database) -> None:
    await know(db, COUNTER, plan(), punch("in", "07:25", "07:26"), punch("out", "16:00"))
    assert await counter(db, END) == [
        ("00:00", 0, 0, "closed"),
        ("07:25", 0, 1, "closed"),
        ("08:00", 0, 1, "unknown"),
        ("15:00", 0, 1, "closed"),
        ("16:00", 0, 0, "closed"),
    ]


async def test_who_left_by_an_unverified_clock_may_have_been_there_until_then(db: Database) -> None:
    await know(db, COUNTER, plan(), punch("in", "07:25"), punch("out", "12:00", "13:00"))
    # Until the check-out is known nothing casts doubt on the stay.
    assert (await counter(db, "11:59"))[-1] == ("08:00", 1, 1, "met")
    assert (await counter(db, END))[2:] == [
        ("08:00", 0, 1, "unknown"),
        ("12:00", 0, 0, "short"),
        ("15:00", 0, 0, "closed"),
    ]


async def test_only_the_stays_that_rest_on_an_unverified_punch_are_in_doubt(db: Database) -> None:
    await know(
        db,
        COUNTER,
        plan(),
        punch("in", "07:25"),
        punch("out", "10:00"),
        punch("in", "11:00", "12:30"),
        punch("out", "13:00"),
        punch("in", "14:00", "14:10", trust="verified"),
    )
    assert [segment for segment in await counter(db, END) if segment[3] != "closed"] == [
        ("08:00", 1, 1, "met"),
        ("10:00", 0, 0, "short"),
        ("11:00", 0, 1, "unknown"),
        ("13:00", 0, 0, "short"),
        ("14:00", 1, 1, "met"),
    ]


@pytest.mark.parametrize("zone", ["remote", "elsewhere"])
async def test_an_unverified_stay_elsewhere_counts_nowhere(db: Database, zone: Zone) -> None:
    await know(db, COUNTER, plan(), punch("in", "07:25", "07:26", zone=zone))
    assert await counter(db, END) == [
        ("00:00", 0, 0, "closed"),
        ("08:00", 0, 0, "short"),
        ("15:00", 0, 0, "closed"),
    ]


async def test_one_person_with_a_sure_and_a_doubtful_stay_counts_once(db: Database) -> None:
    other = uuid4()
    await know(
        db,
        COUNTER,
        plan(),
        plan(other),
        punch("in", "07:25"),
        punch("in", "07:20", "09:00", who=other),
    )
    assert (await counter(db, NOON))[-1] == ("08:00", 1, 2, "met")
