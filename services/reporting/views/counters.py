"""Service points: all of them as of an instant, and the date of one, segment by segment."""

import datetime as dt

from pydantic import BaseModel

from services.reporting.domain.counters import Segment, UnitFigures, segments, unit_figures
from services.reporting.store import counters, forecast
from services.reporting.store.forecast import Said
from shared.database import Tx
from shared.refusals import Missing


class _Day(BaseModel):
    date: dt.date
    as_of: dt.datetime
    segments: list[Segment]


class UnitTimeline(_Day, UnitFigures):
    """One service point's date so far, and what held when."""


async def units(tx: Tx, date: dt.date, as_of: dt.datetime) -> list[UnitFigures]:
    """Every service point, by unit_id."""
    return [unit_figures(standing) for standing in await counters.standings(tx, date, as_of)]


async def timeline(tx: Tx, unit_id: str, date: dt.date, as_of: dt.datetime) -> UnitTimeline:
    """One service point's date. Raises Missing where there is no such service point."""
    standing = await counters.standing(tx, unit_id, date, as_of)
    if standing is None:
        raise Missing("unit.unknown", params={"unit_id": unit_id})
    pieces = await counters.pieces_of(tx, unit_id, date, as_of)
    return UnitTimeline(date=date, as_of=as_of, segments=segments(pieces), **dict(unit_figures(standing)))


async def foreseen(tx: Tx, unit_id: str) -> Said | None:
    """What was said last of a service point, where that is a shortage still to come or under way."""
    said = await forecast.said_of(tx, unit_id)
    return said if said is not None and said.status == "will_fall_short" else None
