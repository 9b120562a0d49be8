"""How service points and OPDs kept their service over time, and which burn their error budget now.

A period is a sum of dates: each is what the daily views show of it, so a figure of a month is never another than
those of its days.
"""

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from typing import Literal

from pydantic import BaseModel, Field

from services.reporting.domain.budget import BudgetStatus, ServiceFigures, service_figures
from services.reporting.domain.counters import Point, Standing, Times, added
from services.reporting.domain.periods import OpdTotals, Period, Step, cut, of_counters, total
from services.reporting.store import budget as store
from services.reporting.store import counters, figures
from shared.database import Tx
from shared.events import BudgetWindow
from shared.refusals import Missing

Of = Literal["unit", "opd"]


class Burning(BaseModel):
    """A window of a service point's error budget that burns or is spent, since when that is said, and what it was
    then."""

    unit_id: str
    opd_code: str
    window: BudgetWindow
    status: BudgetStatus
    since: dt.datetime
    burn_rate: float | None
    spent_minutes: float
    budget_minutes: float


class ServiceOfDates(ServiceFigures):
    """The service from one date to another, both included."""

    first: dt.date = Field(serialization_alias="from")
    last: dt.date = Field(serialization_alias="to")


class _Over(BaseModel):
    """The whole period, and its parts in order."""

    opd_code: str
    name: str
    as_of: dt.datetime
    total: ServiceFigures
    items: Sequence[ServiceOfDates]
    next: None = None


class UnitService(_Over):
    """A service point over a period."""

    unit_id: str


class OpdService(_Over):
    """The service points of an OPD over a period, added up."""


class ServiceOf(ServiceFigures):
    """A service point over a period; or an OPD, whose `unit_id` is null."""

    unit_id: str | None
    opd_code: str
    name: str


async def burning(tx: Tx, after: tuple[str, str], limit: int) -> list[Burning]:
    """What burns or is spent now, by unit and window."""
    return [
        Burning(
            unit_id=one.unit_id,
            opd_code=one.opd_code,
            window=one.of_window,
            status=one.status,
            since=one.since,
            burn_rate=one.burn_rate,
            spent_minutes=one.spent_minutes,
            budget_minutes=one.budget_minutes,
        )
        for one in await store.burning(tx, after, limit)
    ]


async def of_unit(tx: Tx, unit_id: str, period: Period, by: Step, as_of: dt.datetime) -> UnitService:
    """One service point, by day, week or month. Raises Missing where there is no such service point."""
    standing = await counters.standing(tx, unit_id, period.first, as_of)
    if standing is None:
        raise Missing("unit.unknown", params={"unit_id": unit_id})
    days = [(date, of_counters(found)) async for date, found in _days(tx, period, as_of, unit_ids=[unit_id])]
    whole, items = _parts(days, period, by)
    point = standing.point
    return UnitService(
        unit_id=unit_id, opd_code=point.opd_code, name=point.name, as_of=as_of, total=whole, items=items
    )


async def of_opd(tx: Tx, opd_code: str, period: Period, by: Step, as_of: dt.datetime) -> OpdService:
    """The service points of an OPD, by day, week or month. Raises Missing where no unit names the OPD."""
    names = await figures.opd_names(tx, opd_code)
    if not names:
        raise Missing("opd.unknown", params={"opd_code": opd_code})
    days = [(date, of_counters(found)) async for date, found in _days(tx, period, as_of, opd_code)]
    whole, items = _parts(days, period, by)
    return OpdService(opd_code=opd_code, name=names[opd_code], as_of=as_of, total=whole, items=items)


async def of_city(tx: Tx, period: Period, of: Of, as_of: dt.datetime) -> list[ServiceOf]:
    """Every service point by unit_id, or every OPD that has one by opd_code, over the whole period."""
    points: dict[str, Point] = {}
    times: dict[str, Times] = {}
    async for _, found in _days(tx, period, as_of):
        for standing in found:
            unit_id = standing.point.unit_id
            points[unit_id] = standing.point
            times[unit_id] = added((times.get(unit_id, Times()), standing.times))
    units = {unit_id: of_counters([_summed(points[unit_id], times[unit_id])]) for unit_id in sorted(points)}
    if of == "unit":
        return [
            ServiceOf(
                unit_id=unit_id,
                opd_code=points[unit_id].opd_code,
                name=points[unit_id].name,
                **dict(service_figures(totals)),
            )
            for unit_id, totals in units.items()
        ]
    opds: dict[str, list[OpdTotals]] = {}
    for unit_id, totals in units.items():
        opds.setdefault(points[unit_id].opd_code, []).append(totals)
    names = await figures.opd_names(tx)
    return [
        ServiceOf(
            unit_id=None, opd_code=code, name=names.get(code, code), **dict(service_figures(total(opds[code])))
        )
        for code in sorted(opds)
    ]


def _summed(point: Point, times: Times) -> Standing:
    """A service point that stands nowhere in particular: times of many dates."""
    return Standing(point, "closed", 0, 0, 0, None, times)


async def _days(
    tx: Tx,
    period: Period,
    as_of: dt.datetime,
    opd_code: str | None = None,
    unit_ids: Sequence[str] | None = None,
) -> AsyncIterator[tuple[dt.date, list[Standing]]]:
    for date in period:
        yield date, await counters.standings(tx, date, as_of, opd_code, unit_ids)


def _parts(
    days: Sequence[tuple[dt.date, OpdTotals]], period: Period, by: Step
) -> tuple[ServiceFigures, list[ServiceOfDates]]:
    """The whole, and its parts."""
    items = [
        ServiceOfDates(
            first=part.first,
            last=part.last,
            **dict(service_figures(total(totals for date, totals in days if date in part))),
        )
        for part in cut(period, by)
    ]
    return service_figures(total(totals for _, totals in days)), items
