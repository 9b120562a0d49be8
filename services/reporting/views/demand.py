"""The half hours of a service point: who was required, who was there, who came, and how long they waited."""

import datetime as dt
from collections.abc import Sequence

from pydantic import BaseModel

from services.reporting.domain.demand import HalfHour, half_hours
from services.reporting.store import counters
from services.reporting.store import demand as store
from shared.database import Tx
from shared.refusals import Missing


class ImportedDemand(BaseModel):
    """What a file did, or in a dry run would do, in half hours."""

    dry_run: bool
    rows: int
    created: int
    changed: int
    unchanged: int


class PutDemand(BaseModel):
    """What was put for a date, in half hours."""

    unit_id: str
    date: dt.date
    rows: int
    created: int
    changed: int
    removed: int
    unchanged: int


class HalfHours(BaseModel):
    """The half hours of a service point, 48 a date, in order. `share`: of those who come, who is to wait at most
    the target."""

    unit_id: str
    name: str
    opd_code: str
    as_of: dt.datetime
    share: float
    items: Sequence[HalfHour]
    next: None = None


async def of_dates(  # noqa: PLR0917 - what, when, and how good
    tx: Tx, unit_id: str, first: dt.date, last: dt.date, as_of: dt.datetime, share: float
) -> HalfHours:
    """A service point from one date to another. Raises Missing where there is no such service point."""
    standing = await counters.standing(tx, unit_id, first, as_of)
    if standing is None:
        raise Missing("unit.unknown", params={"unit_id": unit_id})
    demand = {one.from_at: one for one in await store.of_dates(tx, unit_id, first, last)}
    items: list[HalfHour] = []
    for number in range((last - first).days + 1):
        date = first + dt.timedelta(days=number)
        items += half_hours(date, await counters.pieces_of(tx, unit_id, date, as_of), demand, share)
    return HalfHours(
        unit_id=unit_id,
        name=standing.point.name,
        opd_code=standing.point.opd_code,
        as_of=as_of,
        share=share,
        items=items,
    )
