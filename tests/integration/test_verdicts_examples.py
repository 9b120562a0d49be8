"""The worked examples of the rules, and the instants on either side of every boundary."""

# ruff: noqa: E501 - a table of cases reads best one case a line

import datetime as dt
from collections.abc import AsyncIterator
from typing import Any, Literal
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from services.reporting.commands import facts
from services.reporting.views.people import person_day
from shared.database import Database
from shared.events import (
    AttendanceRecorded,
    CalendarChanged,
    Event,
    Holiday,
    OutageDeclared,
    ReportItem,
    ReportReviewed,
    ReportSubmitted,
    ReviewedItem,
    RulesChanged,
    ScheduleChanged,
    Scope,
)
from shared.events.base import Mode, PunchKind, Zone
from tests.conftest import DatabaseFor
from tests.kit import worlds

DAY = dt.date(2025, 11, 6)
PERSON, REPORT = uuid4(), uuid4()
NOON, EVENING, MIDNIGHT = "06 12:00", "06 20:00", "07 00:00"


def at(text: str) -> dt.datetime:
    """`DD HH:MM[:SS[.ffffff]]` of November 2025 in Jakarta."""
    day, clock = text.split()
    return dt.datetime.fromisoformat(f"2025-11-{day}T{clock}+07:00")


def plan(mode: Mode = "WFO", starts: str | None = "06 07:30", ends: str | None = "06 16:00") -> Event:
    return ScheduleChanged(
        employee_id=PERSON,
        opd_code="OPD-1",
        unit_id="counter-a",
        work_date=DAY,
        revision=1,
        mode=mode,
        starts_at=at(starts) if starts else None,
        ends_at=at(ends) if ends else None,
    )


def punch(kind: PunchKind, when: str, zone: Zone = "office") -> Event:
    return AttendanceRecorded(
        punch_id=uuid4(),
        employee_id=PERSON,
        opd_code="OPD-1",
        unit_id="counter-a",
        work_date=DAY,
        kind=kind,
        at=at(when),
        received_at=at(when),
        zone=zone,
        source="app",
    )


def outage(begin: str, end: str, *, revoked: bool = False, **scope: Any) -> Event:
    return OutageDeclared(
        outage_id=uuid4(),
        revision=1,
        scope=Scope(**(scope or {"all": True})),
        starts_at=at(begin),
        ends_at=at(end),
        reason="x",
        declared_by="OPD-1",
        revoked=revoked,
    )


def report(when: str, revision: int = 1) -> Event:
    return ReportSubmitted(
        report_id=REPORT,
        employee_id=PERSON,
        opd_code="OPD-1",
        work_date=DAY,
        revision=revision,
        submitted_at=at(when),
        items=[ReportItem(item_id="1", task="t", quantity=2, unit="u")],
    )


def review(
    when: str,
    decision: Literal["accepted", "returned"] = "accepted",
    accepted: float = 2,
    of: int = 1,
    revision: int = 1,
) -> Event:
    return ReportReviewed(
        report_id=REPORT,
        employee_id=PERSON,
        work_date=DAY,
        report_revision=of,
        revision=revision,
        reviewed_at=at(when),
        reviewer_id=UUID(int=1),
        decision=decision,
        items=[ReviewedItem(item_id="1", accepted_quantity=accepted)],
    )


def rules(version: str = "1", **given: Any) -> Event:
    return RulesChanged.model_validate(
        {
            "rules_version": version,
            "effective_from": dt.date(2025, 1, 1),
            "tolerance_minutes": 0,
            "report_modes": ["WFO", "WFH", "DUTY_TRAVEL"],
            "report_cutoff": "17:00",
            "review_sla_working_days": 3,
            **given,
        }
    )


def holiday(date: dt.date) -> Event:
    return CalendarChanged(year=date.year, revision=1, holidays=[Holiday(date=date, kind="national", name="x")])


IN = punch("in", "06 07:25")
LATE = punch("in", "06 07:31")

# (what is known, as of, duty, state)
CASES: list[tuple[str, list[Event], str, str, str]] = [
    ("in at the start is on time", [punch("in", "06 07:30:00")], NOON, "on_time", "met"),
    ("a second later is not", [punch("in", "06 07:30:01")], NOON, "on_time", "not_met"),
    ("a microsecond later is not", [punch("in", "06 07:30:00.000001")], NOON, "on_time", "not_met"),
    ("tolerance counts", [rules(tolerance_minutes=5), punch("in", "06 07:35")], NOON, "on_time", "met"),
    ("a city outage before the start excuses", [LATE, outage("06 07:10", "06 07:20")], NOON, "on_time", "unknown"),
    ("a revoked outage does not", [LATE, outage("06 07:10", "06 07:20", revoked=True)], NOON, "on_time", "not_met"),
    ("an outage may end 60 minutes before", [LATE, outage("06 06:00", "06 06:30")], NOON, "on_time", "unknown"),
    ("not earlier", [LATE, outage("06 06:00", "06 06:29:59.999999")], NOON, "on_time", "not_met"),
    ("an outage may begin at the deadline", [LATE, outage("06 07:30", "06 08:00")], NOON, "on_time", "unknown"),
    ("not later", [LATE, outage("06 07:30:00.000001", "06 08:00")], NOON, "on_time", "not_met"),
    ("an outage of the OPD counts", [LATE, outage("06 07:10", "06 07:20", opd_codes=["OPD-1"])], NOON, "on_time", "unknown"),
    ("of another OPD it does not", [LATE, outage("06 07:10", "06 07:20", opd_codes=["OPD-2"])], NOON, "on_time", "not_met"),
    ("of the unit it does", [LATE, outage("06 07:10", "06 07:20", unit_ids=["counter-a"])], NOON, "on_time", "unknown"),
    ("no punch at the deadline waits", [], "06 07:30", "on_time", "pending"),
    ("no punch at noon is not on time", [], NOON, "on_time", "not_met"),
    ("no punch at noon: place waits", [], NOON, "place", "pending"),
    ("no punch at noon: hours wait", [], NOON, "hours", "pending"),
    ("no punch at the end waits still", [], "06 16:00", "place", "pending"),
    ("after it place is as on_time", [], "06 16:00:01", "place", "not_met"),
    ("and hours", [outage("06 07:10", "06 07:20")], "06 16:00:01", "hours", "unknown"),
    ("office", [IN], NOON, "place", "met"),
    ("uncertain", [punch("in", "06 07:25", "uncertain")], NOON, "place", "unknown"),
    ("no position", [punch("in", "06 07:25", "unknown")], NOON, "place", "unknown"),
    ("a remote place on an office day", [punch("in", "06 07:25", "remote")], NOON, "place", "not_met"),
    ("the first in decides", [punch("in", "06 07:20", "elsewhere"), IN], NOON, "place", "not_met"),
    ("full hours", [IN, punch("out", "06 15:55")], EVENING, "hours", "met"),
    ("a second short waits until midnight", [IN, punch("out", "06 15:54:59")], "06 23:59:59", "hours", "pending"),
    ("and is short then", [IN, punch("out", "06 15:54:59")], MIDNIGHT, "hours", "not_met"),
    ("no out waits until midnight", [IN], "06 23:59:59.999999", "hours", "pending"),
    ("a forgotten check-out is not an absence", [IN], MIDNIGHT, "hours", "unknown"),
    ("an out at the in is none", [IN, punch("out", "06 07:25")], MIDNIGHT, "hours", "unknown"),
    ("an out that is still to come", [rules(tolerance_minutes=5), IN, punch("out", "06 15:50")], NOON, "hours", "pending"),
    ("tolerance shortens the hours owed", [rules(tolerance_minutes=5), IN, punch("out", "06 15:50")], EVENING, "hours", "met"),
    ("a report at the cutoff", [rules(), report("06 17:00")], EVENING, "report", "met"),
    ("after it", [rules(), report("06 17:00:00.000001")], EVENING, "report", "not_met"),
    ("none at the cutoff", [rules()], "06 17:00", "report", "pending"),
    ("an outage that ends an hour before the cutoff", [rules(), outage("06 15:00", "06 16:00")], EVENING, "report", "unknown"),
    ("one that ended earlier", [rules(), outage("06 15:00", "06 15:59:59")], EVENING, "report", "not_met"),
    ("one that begins at the cutoff", [rules(), outage("06 17:00", "06 18:00")], EVENING, "report", "unknown"),
    ("one that begins later", [rules(), outage("06 17:00:01", "06 18:00")], EVENING, "report", "not_met"),
    ("without rules the day ends the cutoff", [report("06 23:59:59")], MIDNIGHT, "report", "met"),
    ("no report, no output", [rules()], EVENING, "output", "not_met"),
    ("a report waits for its review", [report("06 15:00")], EVENING, "output", "pending"),
    ("accepted", [report("06 15:00"), review("06 16:00")], EVENING, "output", "met"),
    ("accepted with nothing", [report("06 15:00"), review("06 16:00", accepted=0)], EVENING, "output", "not_met"),
    ("returned", [report("06 15:00"), review("06 16:00", "returned")], EVENING, "output", "not_met"),
    ("a review of an older revision says nothing", [report("06 15:00"), review("06 15:30"), report("06 16:00", 2)], EVENING, "output", "pending"),
    ("the last review holds", [report("06 15:00"), review("06 15:30"), review("06 15:40", "returned", revision=2)], EVENING, "output", "not_met"),
    ("a silent superior has three working days", [report("06 15:00")], "11 23:59:59", "output", "pending"),
    ("and never costs the employee", [report("06 15:00")], "12 00:00", "output", "unknown"),
    ("a holiday is no working day", [report("06 15:00"), holiday(dt.date(2025, 11, 10))], "12 23:59:59", "output", "pending"),
    ("even so it ends", [report("06 15:00"), holiday(dt.date(2025, 11, 10))], "13 00:00", "output", "unknown"),
    ("the later rules of a day hold", [rules("1"), rules("2", effective_from=DAY, tolerance_minutes=9), LATE], NOON, "on_time", "met"),
    ("rules of tomorrow do not", [rules("1"), rules("2", effective_from=dt.date(2025, 11, 7), tolerance_minutes=9), LATE], NOON, "on_time", "not_met"),
    ("at a tie the greatest version", [rules("10"), rules("9", tolerance_minutes=9), LATE], NOON, "on_time", "met"),
]  # fmt: skip


@pytest_asyncio.fixture
async def db(database_for: DatabaseFor) -> AsyncIterator[Database]:
    yield await database_for("reporting")


async def states(db: Database, events: list[Event], t: str) -> dict[str, str]:
    async with db.transaction() as tx:
        await facts.apply(tx, worlds.received([(uuid4(), event) for event in events]))
    async with db.read() as tx:
        day = await person_day(tx, PERSON, DAY, at(t))
    return {duty: reason.state for duty, reason in day.duties.items()}


@pytest.mark.parametrize(("events", "t", "duty", "state"), [pytest.param(*c[1:], id=c[0]) for c in CASES])
async def test_an_office_day(db: Database, events: list[Event], t: str, duty: str, state: str) -> None:
    assert (await states(db, [plan(), *events], t))[duty] == state


async def test_duty_travel_owes_a_report_where_the_rules_say_so(db: Database) -> None:
    travel = plan("DUTY_TRAVEL", None, None)
    got = await states(db, [travel, rules(), report("06 17:00"), review("06 18:00")], EVENING)
    assert got == {"on_time": "not_due", "place": "not_due", "hours": "not_due", "report": "met", "output": "met"}


async def test_duty_travel_owes_nothing_where_they_do_not(db: Database) -> None:
    got = await states(db, [plan("DUTY_TRAVEL", None, None), report("06 15:00")], EVENING)
    assert set(got.values()) == {"not_due"}


@pytest.mark.parametrize("mode", ["LEAVE", "OFF"])
async def test_leave_and_rest_owe_nothing_whatever_the_rules_say(db: Database, mode: Mode) -> None:
    rule = rules(report_modes=["WFO", "LEAVE", "OFF"])
    got = await states(db, [plan(mode, None, None), rule, punch("in", "06 09:00"), report("06 23:00")], MIDNIGHT)
    assert set(got.values()) == {"not_due"}


async def test_nobody_owes_anything_without_a_plan(db: Database) -> None:
    async with db.read() as tx:
        day = await person_day(tx, PERSON, DAY, at(NOON))
    assert {reason.state for reason in day.duties.values()} == {"not_due"}
    assert (day.mode, day.starts_at, day.rules_version) == (None, None, None)


async def test_a_night_shift_reports_on_the_date_it_ends(db: Database) -> None:
    night = [plan(starts="06 22:00", ends="07 06:00"), rules(), punch("in", "06 21:50"), punch("out", "07 06:00")]
    got = await states(db, [*night, report("07 17:00")], "07 17:00")
    assert (got["hours"], got["report"], got["output"]) == ("met", "met", "pending")


async def test_a_night_shift_closes_four_hours_after_it_ends(db: Database) -> None:
    night = [plan(starts="06 22:00", ends="07 06:00"), punch("in", "06 21:50")]
    assert (await states(db, night, "07 09:59:59"))["hours"] == "pending"
    assert (await states(db, [], "07 10:00"))["hours"] == "unknown"


async def test_the_explanation_names_rule_branch_values_and_events(db: Database) -> None:
    known = [(uuid4(), event) for event in (plan(), rules(), LATE, outage("06 07:10", "06 07:20"))]
    async with db.transaction() as tx:
        await facts.apply(tx, worlds.received(known))
    async with db.read() as tx:
        day = await person_day(tx, PERSON, DAY, at(NOON))
    ids = [str(ce_id) for ce_id, _ in known]
    assert day.rules_version == "1"
    on_time = day.duties["on_time"].model_dump(mode="json")
    del on_time["because"]["text"]
    assert on_time["because"] == {
        "code": "on_time.outage",
        "params": {"first_in_at": "2025-11-06T00:31:00Z", "deadline": "2025-11-06T00:30:00Z"},
    }
    assert sorted(on_time["event_ids"]) == sorted(ids)
    assert [str(ce_id) for ce_id in day.duties["place"].event_ids] == [ids[0], ids[2]]
    assert day.duties["report"].because.code == "report.report_awaited"
