"""A city for the board's pages: 44 OPD with their counters, mornings like each other, and some that are not."""

import datetime as dt
import random
from collections.abc import Iterator, Sequence
from uuid import UUID, uuid5

from demo.units import rows
from shared.dates import WIB
from shared.events import (
    AttendanceRecorded,
    Event,
    ReportItem,
    ReportReviewed,
    ReportSubmitted,
    ReviewedItem,
    RulesChanged,
)
from tests.kit.reporting import DAY, at, plan, unit

NAMES = {row["opd_code"]: row["name"] for row in rows("opd.csv")}
FEW = "KESBANGPOL"
"""The one OPD with three people only."""
COUNTERS = ("Loket Pendaftaran", "Loket Perizinan", "Loket Pengaduan")
NOON = at("09:40")
_SPACE = UUID(int=13)


def people_of(opd: str) -> int:
    """The members of an OPD: three at each counter and the rest at its office."""
    return 3 if opd == FEW else 14


def counter(opd: str, at_place: int = 0) -> str:
    return f"{opd}-L{at_place + 1}"


def counters_of(opd: str) -> int:
    return 1 if opd == FEW else 3


def city() -> Iterator[Event]:
    """Rules and units; the people are only known by their plans."""
    yield RulesChanged(
        rules_version="r1",
        effective_from=dt.date(2025, 1, 1),
        tolerance_minutes=0,
        report_modes=["WFO", "WFH"],
        report_cutoff="23:00",
        review_sla_working_days=3,
    )
    for opd, name in NAMES.items():
        yield unit(opd, opd, name, name, 0).model_copy(update={"is_service_point": False, "requirements": []})
        for n in range(counters_of(opd)):
            yield unit(counter(opd, n), opd, f"{COUNTERS[n]} {name.split(' ', 1)[-1]}", name, 2)


def working_days(last: dt.date, weeks: int) -> list[dt.date]:
    """Monday to Friday of so many weeks up to a date."""
    first = last - dt.timedelta(days=last.weekday(), weeks=weeks - 1)
    return [date for n in range((last - first).days + 1) if (date := first + dt.timedelta(days=n)).weekday() < 5]


def days(dates: Sequence[dt.date], *, reports: bool = False) -> Iterator[Event]:
    """Everybody's plans and punches, and on days that are over their reports; the same in each run."""
    for place, opd in enumerate(NAMES):
        for n in range(people_of(opd)):
            who = uuid5(_SPACE, f"{opd} {n}")
            where = counter(opd, n // 3) if n < 3 * counters_of(opd) else opd
            for date in dates:
                yield from _day(who, opd, where, date, random.Random(f"{opd} {n} {date}"), place, reports)


def _day(  # noqa: PLR0917 - who, where, when
    who: UUID, opd: str, where: str, date: dt.date, lots: random.Random, place: int, reports: bool
) -> Iterator[Event]:
    chance = lots.random()
    mode = "LEAVE" if chance < 0.04 else "WFH" if where == opd and chance < 0.5 else "WFO"
    yield plan(who, opd, where, mode, date)
    if mode == "LEAVE" or lots.random() < 0.03 + 0.004 * (place % 9):
        return
    come = at("07:12", date) + dt.timedelta(minutes=lots.gauss(8 + place % 5, 7))
    if lots.random() < 0.01 * (place % 7):
        come += dt.timedelta(minutes=45)
    zone = "remote" if mode == "WFH" else "unknown" if lots.random() < 0.02 else "office"
    if come <= NOON or date < DAY:
        yield _punch(who, opd, where, date, "in", come, zone)
    if date == DAY:
        return
    yield _punch(who, opd, where, date, "out", at("16:02", date) + dt.timedelta(minutes=lots.gauss(8, 5)), zone)
    if reports:
        yield from _report(who, opd, date, mode, lots)


def _punch(  # noqa: PLR0917 - its fields
    who: UUID, opd: str, where: str, date: dt.date, kind: str, moment: dt.datetime, zone: str
) -> Event:
    return AttendanceRecorded(
        punch_id=uuid5(who, f"{date} {kind}"),
        employee_id=who,
        opd_code=opd,
        unit_id=where,
        work_date=date,
        kind=kind,  # pyright: ignore[reportArgumentType] - a literal at every call
        at=moment,
        received_at=moment,
        zone=zone,  # pyright: ignore[reportArgumentType]
        source="app",
    )


def _report(who: UUID, opd: str, date: dt.date, mode: str, lots: random.Random) -> Iterator[Event]:
    quantity = lots.randint(18, 40)
    report_id = uuid5(who, f"{date} report")
    yield ReportSubmitted(
        report_id=report_id,
        employee_id=who,
        opd_code=opd,
        work_date=date,
        revision=1,
        submitted_at=at("16:00", date),
        items=[ReportItem(item_id="a", task="Berkas", quantity=quantity, unit="berkas", norm_minutes=8)],
        mode=mode,  # pyright: ignore[reportArgumentType]
    )
    if date >= DAY - dt.timedelta(days=2) and lots.random() < 0.4:
        return
    yield ReportReviewed(
        report_id=report_id,
        employee_id=who,
        work_date=date,
        report_revision=1,
        revision=1,
        decision="returned" if lots.random() < 0.06 else "accepted",
        reviewed_at=dt.datetime.combine(date, dt.time(17), WIB),
        reviewer_id=uuid5(_SPACE, opd),
        items=[ReviewedItem(item_id="a", accepted_quantity=quantity)],
    )
