"""The worked examples of docs/rules.md, through the SQL and through its slow twin: the page cannot lie."""

import datetime as dt
import re
from collections.abc import AsyncIterator
from fractions import Fraction
from typing import Any, cast, get_args
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from services.reporting.commands import facts
from services.reporting.domain.figures import rate
from services.reporting.store import counters
from services.reporting.views.people import person_day
from services.scheduling.domain.late import officers_needed
from shared.database import Database
from shared.events import (
    AttendanceRecorded,
    Event,
    OutageDeclared,
    ReportItem,
    ReportReviewed,
    ReportSubmitted,
    ReviewedItem,
    RulesChanged,
    ScheduleChanged,
    Scope,
)
from shared.events.base import DUTIES, Mode, PunchKind, Zone
from tests.architecture.source import ROOT
from tests.conftest import DatabaseFor
from tests.kit import worlds
from tests.kit.oracle import coverage, fold, verdict

PAGE = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
DAY, ZONES = dt.date(2025, 11, 6), get_args(Zone)
ANNA, BUDI, REPORT = uuid4(), uuid4(), uuid4()
COUNTER = worlds.counter(worlds.hours("08:00", "15:00", 2, weekdays=[3]))
Row = dict[str, str]


def table(heading: str) -> list[Row]:
    """The rows of the table under a heading of the page, by the names of its columns."""
    (section,) = re.findall(rf"^### {heading}\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    names, _, *rows = (
        [cell.strip() for cell in line[1:-1].split("|")] for line in section.splitlines() if line.startswith("|")
    )
    return [dict(zip(names, row, strict=True)) for row in rows]


def examples(heading: str) -> list[Any]:
    return [pytest.param(row, id=row["example"]) for row in table(heading)]


def at(text: str) -> dt.datetime:
    """`[+days ]HH:MM[:SS]` in Jakarta, 24:00 included."""
    days, clock = text.split() if " " in text else ("+0", text)
    hours, minutes, *seconds = map(int, clock.split(":"))
    since = dt.timedelta(days=int(days), hours=hours, minutes=minutes, seconds=sum(seconds))
    return dt.datetime.combine(DAY, dt.time(), worlds.WIB) + since


def between(text: str) -> tuple[dt.datetime, dt.datetime]:
    begin, end = text.split("-")
    return at(begin), at(end)


def plan(text: str, who: UUID = ANNA) -> ScheduleChanged | None:
    if not text:
        return None
    mode, _, hours = text.partition(" ")
    starts_at, ends_at = between(hours) if hours else (None, None)
    return ScheduleChanged(
        employee_id=who,
        opd_code="OPD-1",
        unit_id="counter",
        work_date=DAY,
        revision=1,
        mode=cast("Mode", mode),
        starts_at=starts_at,
        ends_at=ends_at,
    )


def rules(tolerance: int = 0) -> RulesChanged:
    return RulesChanged(
        rules_version=f"{tolerance} minutes",
        effective_from=dt.date(2025, 1, tolerance + 1),
        tolerance_minutes=tolerance,
        report_modes=["WFO", "WFH"],
        report_cutoff="17:00",
        review_sla_working_days=3,
    )


def happened(text: str, who: UUID = ANNA) -> list[Event]:
    return [_event(item, who) for item in filter(None, text.split("; "))]


def _event(item: str, who: UUID) -> Event:
    word, _, rest = item.partition(" ")
    match word:
        case "in" | "out":
            return _punch(word, rest, who)
        case "outage":
            begin, end = between(rest)
            return OutageDeclared(
                outage_id=uuid4(),
                revision=1,
                scope=Scope(all=True),
                starts_at=begin,
                ends_at=end,
                reason="x",
                declared_by="OPD-1",
            )
        case "report":
            return ReportSubmitted(
                report_id=REPORT,
                employee_id=who,
                opd_code="OPD-1",
                work_date=DAY,
                revision=1,
                submitted_at=at(rest),
                items=[ReportItem(item_id="1", task="t", quantity=2, unit="u")],
            )
        case "accepted":
            quantity, when = rest.split(" ", 1)
            return _review("accepted", float(quantity), when, who)
        case "returned":
            return _review("returned", 0, rest, who)
        case "tolerance":
            return rules(int(rest))
        case _:
            raise AssertionError(item)


def _punch(kind: PunchKind, rest: str, who: UUID) -> AttendanceRecorded:
    verified = " counted " in rest
    rest, _, sent = rest.partition(" counted " if verified else " sent ")
    zone = next((zone for zone in ZONES if rest.endswith(f" {zone}")), None)
    when = at(rest.removesuffix(f" {zone}"))
    return AttendanceRecorded(
        punch_id=uuid4(),
        employee_id=who,
        opd_code="OPD-1",
        unit_id="counter",
        work_date=DAY,
        kind=kind,
        at=when,
        received_at=at(sent) if sent else when,
        zone=zone or "office",
        source="offline" if sent else "app",
        time_trust="verified" if verified else "unverified" if sent else "server",
    )


def _review(decision: Any, quantity: float, when: str, who: UUID) -> ReportReviewed:
    return ReportReviewed(
        report_id=REPORT,
        employee_id=who,
        work_date=DAY,
        report_revision=1,
        revision=1,
        reviewed_at=at(when),
        reviewer_id=UUID(int=1),
        decision=decision,
        items=[ReviewedItem(item_id="1", accepted_quantity=quantity)],
    )


@pytest_asyncio.fixture
async def db(database_for: DatabaseFor) -> AsyncIterator[Database]:
    yield await database_for("reporting")


async def known(db: Database, *events: Event | None) -> worlds.World:
    """The events as facts of the database, and as they are."""
    world: worlds.World = [(uuid4(), event) for event in events if event]
    async with db.transaction() as tx:
        await facts.apply(tx, worlds.received(world))
    return world


@pytest.mark.parametrize("row", examples("A day"))
async def test_a_day_is_judged_as_the_page_says(db: Database, row: Row) -> None:
    world = await known(db, rules(), plan(row["plan"]), *happened(row["what happened"]))
    said, t = {duty: row[duty] for duty in DUTIES}, at(row["as of"])
    async with db.read() as tx:
        day = await person_day(tx, ANNA, DAY, t)
    assert {duty: reason.state for duty, reason in day.duties.items()} == said
    assert verdict(fold(world), ANNA, DAY, t) == said


@pytest.mark.parametrize("row", examples("A counter"))
async def test_a_counter_stands_as_the_page_says(db: Database, row: Row) -> None:
    hours = "WFO 07:30-16:00"
    present = [*happened(row["Anna"], ANNA), *happened(row["Budi"], BUDI)]
    world = await known(db, COUNTER, plan(hours, ANNA), plan(hours, BUDI), *present, *happened(row["besides"]))
    figures = ("required", "present_low", "present_high", "status")
    said, t = {name: row[name] for name in figures}, at(row["as of"])
    async with db.read() as tx:
        (standing,) = await counters.standings(tx, DAY, t)
    twin = coverage(fold(world), DAY, t)["counter"]
    assert {name: str(getattr(standing, name)) for name in figures} == said
    assert {name: str(twin[name]) for name in figures} == said


@pytest.mark.parametrize("row", table("Shares"), ids=lambda row: "-".join(row.values()))
def test_shares_are_what_the_page_says(row: Row) -> None:
    figures = rate({"met": int(row["met"]), "not_met": int(row["not_met"]), "unknown": int(row["unknown"])})
    for name in ("rate", "low", "high"):
        said = None if row[name] == "null" else float(Fraction(row[name]))
        assert getattr(figures, name) == said


@pytest.mark.parametrize("row", examples("Officers"))
def test_so_many_officers_are_needed(row: Row) -> None:
    new = plan(row["would be"])
    assert new is not None
    needed = officers_needed(DAY, plan(row["stands"]), new, at(row["published at"]))
    assert needed == int(row["officers"])
