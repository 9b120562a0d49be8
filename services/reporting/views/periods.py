"""What the dates of a period come to, by OPD: the daily views, added up. No figure is defined twice."""

import datetime as dt
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from services.reporting.domain.counters import Standing
from services.reporting.domain.periods import OpdTotals, Period, of_counters, total
from services.reporting.store import counters, figures, output
from services.reporting.store import periods as store
from shared.database import Tx


@dataclass(frozen=True, slots=True)
class PeriodFigures:
    """A period as of one instant: the totals of each OPD that has a plan, a counter or a report in it, by code."""

    period: Period
    as_of: dt.datetime
    opds: Mapping[str, OpdTotals]
    names: Mapping[str, str]
    """The name of every OPD that has a unit."""
    by_day: Mapping[dt.date, OpdTotals]
    """All OPD together, of every date."""

    def city(self) -> OpdTotals:
        return total(self.opds.values())

    def opd_name(self, opd_code: str) -> str:
        return self.names.get(opd_code, opd_code)


async def first_date(tx: Tx) -> dt.date | None:
    """The first work date that anything is known of; None while nothing is."""
    return await store.first_date(tx)


async def day(tx: Tx, date: dt.date, as_of: dt.datetime, opd_code: str | None = None) -> dict[str, OpdTotals]:
    """One date of each OPD, or of one, by code."""
    return await with_counters(tx, date, as_of, await counters.standings(tx, date, as_of, opd_code), opd_code)


async def with_counters(
    tx: Tx, date: dt.date, as_of: dt.datetime, points: Sequence[Standing], opd_code: str | None = None
) -> dict[str, OpdTotals]:
    """The same for who has looked at the date's service points already."""
    found: dict[str, list[OpdTotals]] = {}
    for code, people in (await figures.counts(tx, date, as_of, opd_code)).items():
        found.setdefault(code, []).append(OpdTotals(people))
    standings: dict[str, list[Standing]] = {}
    for standing in points:
        standings.setdefault(standing.point.opd_code, []).append(standing)
    for code, of_opd in standings.items():
        found.setdefault(code, []).append(of_counters(of_opd))
    for one in await output.sums(tx, date, as_of, opd_code):
        found.setdefault(one.opd_code, []).append(of_output(one))
    return {code: total(found[code]) for code in sorted(found)}


def of_output(one: output.Sum) -> OpdTotals:
    """A sum of output as the totals of what it was added up over."""
    return OpdTotals(
        earned_minutes=Fraction(one.earned),
        waiting_minutes=Fraction(one.waiting),
        submitted=one.submitted,
        returned=one.returned,
        reports_without_review=one.without_review,
    )


async def days(
    tx: Tx, period: Period, as_of: dt.datetime, opd_code: str | None = None
) -> AsyncIterator[tuple[dt.date, dict[str, OpdTotals]]]:
    """Each date of the period with the totals of each OPD, or of one. Best in a snapshot, `Database.read()`."""
    for date in period:
        yield date, await day(tx, date, as_of, opd_code)


async def look_at(tx: Tx, period: Period, as_of: dt.datetime, opd_code: str | None = None) -> PeriodFigures:
    """The whole period. Best in the snapshot of `Database.read()`, so that all of it is of the same facts."""
    found: dict[str, list[OpdTotals]] = {}
    by_day: dict[dt.date, OpdTotals] = {}
    async for date, opds in days(tx, period, as_of, opd_code):
        by_day[date] = total(opds.values())
        for code, totals in opds.items():
            found.setdefault(code, []).append(totals)
    return PeriodFigures(
        period=period,
        as_of=as_of,
        opds={code: total(found[code]) for code in sorted(found)},
        names=await figures.opd_names(tx, opd_code),
        by_day=by_day,
    )
