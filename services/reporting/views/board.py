"""What the board's pages show beside the doors' figures: the worst first, what is found, months, weeks."""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from services.reporting.domain.counters import Standing, UnitFigures, unit_figures
from services.reporting.domain.disclosure import too_few
from services.reporting.domain.periods import (
    DUTY_OF,
    METRICS,
    Metric,
    MetricName,
    OpdTotals,
    Period,
    of_counters,
    total,
)
from services.reporting.store import counters
from services.reporting.views import periods
from services.reporting.views.figures import Board, OpdFigures, Reader
from shared.database import Tx

WEEKS = 8
"""So many weeks up to a date are shown, its own among them."""
_OF_WORK: set[MetricName] = {"output_rate", "rework_rate"}
_OF_PEOPLE: set[MetricName] = {metric for metric in METRICS if metric != "coverage_attainment"}
_STATUS = ("short", "unknown", "met", "closed")


@dataclass(frozen=True, slots=True)
class DayOf:
    """The attainment of one date with its upper bound, and the share of its open time that was to be staffed."""

    date: dt.date
    value: float | None
    high: float | None
    target: float | None


@dataclass(frozen=True, slots=True)
class WeekOf:
    """The dates of a week from its Monday on, as far as they are looked at; a metric is None where withheld."""

    monday: dt.date
    metrics: Mapping[MetricName, Metric]


@dataclass(frozen=True, slots=True)
class Course:
    """The dates of a month up to one, and the weeks up to it."""

    month: Sequence[DayOf]
    weeks: Sequence[WeekOf]


def matches(asked: str, *names: str) -> bool:
    """Whether every word that is asked for stands in one of the names, whatever their case."""
    said = " ".join(names).casefold()
    return all(word in said for word in asked.casefold().split())


def opds_worst_first(opds: Iterable[OpdFigures]) -> list[OpdFigures]:
    """Those with most counters short first, then those whose counters were open least, then who are late most.

    By the figures as their reader is shown them, so that the order tells nothing more.
    """
    return sorted(
        opds,
        key=lambda opd: (
            -opd.coverage.short,
            _last_if_none(opd.coverage.attainment),
            _last_if_none(opd.duties["on_time"].rate),
            opd.opd_name,
        ),
    )


def units_worst_first(standings: Iterable[Standing]) -> list[UnitFigures]:
    """Service points: those short now by how many lack, then the unknown, the rest by how long they were open."""
    return sorted(
        map(unit_figures, standings),
        key=lambda unit: (
            _STATUS.index(unit.status),
            unit.present_low - unit.required if unit.status == "short" else 0,
            _last_if_none(unit.attainment),
            unit.name,
        ),
    )


def _last_if_none(share: float | None) -> float:
    return 2.0 if share is None else share


async def span(tx: Tx, date: dt.date, first_kept: dt.date | None) -> Period:
    """The dates that a month and the weeks up to a date are made of.

    None before the first that is kept, or that anything is known of: counters whose hours are known were not short
    before the system was there.
    """
    known = [first for first in (first_kept, await periods.first_date(tx)) if first is not None]
    monday = date - dt.timedelta(days=date.weekday(), weeks=WEEKS - 1)
    return Period(min(date, max([min(monday, date.replace(day=1)), *known])), date)


async def course_of_unit(tx: Tx, unit_id: str, period: Period, as_of: dt.datetime) -> Course:
    """A service point's attainment over a month and the weeks."""
    found = await counters.over_dates(tx, unit_id, period.first, period.last, as_of)
    return _course(
        {date: of_counters([found[date]]) if date in found else OpdTotals() for date in period}, period, {}
    )


async def course(
    tx: Tx, reader: Reader, period: Period, as_of: dt.datetime, opd_code: str | None = None
) -> Course:
    """The city, or one OPD, over a month and the weeks.

    A reader who may not see figures of few people is shown no metric of a week that is withheld on one of its
    dates; what counters come to is shown, for they are no people.
    """
    by_day: dict[dt.date, OpdTotals] = {}
    withheld: dict[dt.date, set[MetricName]] = {}
    async for date, opds in periods.days(tx, period, as_of, None if reader.merged else opd_code):
        by_day[date] = total(opds.values()) if opd_code is None else opds.get(opd_code, OpdTotals())
        if reader.merged:
            people = {code: totals.people for code, totals in opds.items()}
            withheld.setdefault(_monday(date), set()).update(
                _withheld(Board(date, as_of, people, (), {}), reader, opd_code)
            )
    return _course(by_day, period, withheld)


def _withheld(board: Board, reader: Reader, opd_code: str | None) -> set[MetricName]:
    """The metrics that the reader is not shown of one date."""
    if opd_code is None:
        few = too_few({"": sum(of_opd.total() for of_opd in board.people.values())})
        shown = board.city(reader)
    else:
        few = too_few({code: of_opd.total() for code, of_opd in board.people.items()})
        found = [opd for opd in board.opds(reader) if opd.opd_code == opd_code]
        if not found:
            return set()
        (shown,) = found
    if (opd_code or "") in few:
        return _OF_PEOPLE
    lost: set[MetricName] = {name for name, duty in DUTY_OF.items() if shown.duties[duty].n is None}
    return lost | _OF_WORK if lost else lost


def _course(
    by_day: Mapping[dt.date, OpdTotals], period: Period, withheld: Mapping[dt.date, Collection[MetricName]]
) -> Course:
    month = [date for date in period if (date.year, date.month) == (period.last.year, period.last.month)]
    weeks: list[WeekOf] = []
    for monday, dates in groupby(period, _monday):
        metrics = total(by_day[date] for date in dates).metrics()
        weeks.append(WeekOf(monday, metrics | dict.fromkeys(withheld.get(monday, ()), Metric(None, None, None))))
    return Course([_day(date, by_day[date]) for date in month], weeks[-WEEKS:])


def _monday(date: dt.date) -> dt.date:
    return date - dt.timedelta(days=date.weekday())


def _day(date: dt.date, totals: OpdTotals) -> DayOf:
    attainment = totals.metrics()["coverage_attainment"]
    target = 1 - float(totals.budget_us / totals.open_us) if totals.open_us else None
    return DayOf(date, attainment.value, attainment.high, target)
