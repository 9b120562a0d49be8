"""Service points, as coverage.sql counts them."""

import datetime as dt
from collections.abc import Collection
from itertools import groupby
from operator import attrgetter

import asyncpg

from services.reporting.domain.counters import Piece, Point, Standing, Times
from services.reporting.store import planner
from shared.database import Tx
from shared.dates import midnight

_UNCOUNTED = "select unit_id from uncounted($1, $2, $3, $4)"
# One statement, and so one snapshot: a row that is counted meanwhile may not be cut off where the last one was.
_COUNTED = """
    select uncounted.unit_id as afresh, counted.*
    from counted($1, $2, $3, $4) as counted full join uncounted($1, $2, $3, $4) as uncounted using (unit_id)
"""
_COUNTED_OVER = """
    select of_date.day, found.*
    from (select $1::date + n as day from generate_series(0, $2::date - $1::date) as n) as of_date
        cross join lateral (
            select uncounted.unit_id as afresh, counted.*
            from counted(of_date.day, $3, $4) as counted
                full join uncounted(of_date.day, $3, $4) as uncounted using (unit_id)
        ) as found
"""
_AFRESH = "select * from coverage($1, $2, $3)"
_PIECES = """
    select unit_id, from_at, until_at, required, present_low, present_high, status
    from coverage_pieces($1, $2, $3) order by unit_id, from_at
"""
_COUNTED_PIECES = """
    select counted.unit_id, piece.from_at,
        least($2, lead(piece.from_at, 1, local_midnight($1::date + 1)) over so_far) as until_at,
        piece.required, piece.present_low, piece.present_high, piece.status
    from counter_day as counted cross join lateral unnest(
        counted.since, counted.required, counted.present_low, counted.present_high, counted.status
    ) as piece(from_at, required, present_low, present_high, status)
    where counted.day = $1 and counted.unit_id = $3 and piece.from_at <= $2
    window so_far as (order by piece.from_at)
    order by piece.from_at
"""

_MANY = 100
"""Above so many service points, their people are better joined as a whole than one by one."""


def _point(row: asyncpg.Record) -> Point:
    return Point(row["unit_id"], row["name"], row["opd_code"], row["slo"])


def _standing(row: asyncpg.Record) -> Standing:
    return Standing(
        _point(row),
        row["status"],
        row["required"],
        row["present_low"],
        row["present_high"],
        row["short_since"],
        # sums of persons and microseconds may be longer than a bigint: PostgreSQL gives them as numeric
        Times._make(int(row[name]) for name in Times._fields),
    )


async def standings(
    tx: Tx,
    date: dt.date,
    as_of: dt.datetime,
    opd_code: str | None = None,
    unit_ids: Collection[str] | None = None,
) -> list[Standing]:
    """Every service point, or those of one OPD or among `unit_ids`, by unit_id.

    Looked up in `counter_day`; those that are not counted there as of `as_of` are counted now.
    """
    found, missing = await looked_up(tx, date, as_of, opd_code, unit_ids)
    found += await afresh(tx, date, as_of, missing)
    return sorted(found, key=lambda standing: standing.point.unit_id)


async def looked_up(
    tx: Tx,
    date: dt.date,
    as_of: dt.datetime,
    opd_code: str | None = None,
    unit_ids: Collection[str] | None = None,
) -> tuple[list[Standing], list[str]]:
    """(The service points that are counted as of `as_of`, the ids of those that are not), in no order."""
    await planner.some_people(tx)
    rows = await tx.connection.fetch(_COUNTED, date, as_of, None if unit_ids is None else list(unit_ids), opd_code)
    counted = [_standing(row) for row in rows if row["afresh"] is None]
    return counted, [row["afresh"] for row in rows if row["afresh"] is not None]


def waited(uncounted: Collection[str], left_out: set[str]) -> set[str]:
    """Of the service points that are not counted those that a round has waited for already: `left_out`. The others
    are left to whoever counts them, and are `left_out` from now on."""
    again = left_out.intersection(uncounted)
    left_out.clear()
    left_out |= set(uncounted) - again
    return again


async def afresh(tx: Tx, date: dt.date, as_of: dt.datetime, unit_ids: Collection[str]) -> list[Standing]:
    """These service points, counted now."""
    if not unit_ids:
        return []
    await plan_for(tx, unit_ids)
    return [_standing(row) for row in await tx.connection.fetch(_AFRESH, date, as_of, list(unit_ids))]


async def standing(tx: Tx, unit_id: str, date: dt.date, as_of: dt.datetime) -> Standing | None:
    """One service point; None when there is none of this id."""
    return next(iter(await standings(tx, date, as_of, unit_ids=[unit_id])), None)


async def over_dates(
    tx: Tx, unit_id: str, first: dt.date, last: dt.date, as_of: dt.datetime
) -> dict[dt.date, Standing]:
    """Each date of one service point from `first` to `last`; none where there is no such service point."""
    await planner.some_people(tx)
    rows = await tx.connection.fetch(_COUNTED_OVER, first, last, as_of, [unit_id])
    found = {row["day"]: _standing(row) for row in rows if row["afresh"] is None}
    for date in sorted(row["day"] for row in rows if row["afresh"] is not None):
        for standing in await afresh(tx, date, as_of, [unit_id]):
            found[date] = standing
    return dict(sorted(found.items()))


async def uncounted(
    tx: Tx, date: dt.date, as_of: dt.datetime, unit_ids: Collection[str] | None = None
) -> list[str]:
    """The service points, all or among these, whose row of `counter_day` is not to be read as of the instant."""
    await planner.some_people(tx)
    only = None if unit_ids is None else list(unit_ids)
    return [row["unit_id"] for row in await tx.connection.fetch(_UNCOUNTED, date, as_of, only, None)]


async def plan_for(tx: Tx, unit_ids: Collection[str]) -> None:
    """What the planner is told before these service points are counted."""
    await (planner.whole_dates(tx) if len(unit_ids) > _MANY else planner.some_people(tx))


async def whole_dates(tx: Tx, date: dt.date, unit_ids: Collection[str]) -> dict[str, list[Piece]]:
    """A local date of these service points to its end, counted now, as it will be if nothing more is recorded."""
    await plan_for(tx, unit_ids)
    rows = await tx.connection.fetch(_PIECES, date, midnight(date + dt.timedelta(days=1)), list(unit_ids))
    return {
        unit: list(of_unit) for unit, of_unit in groupby((Piece(**row) for row in rows), attrgetter("unit_id"))
    }


async def pieces_of(tx: Tx, unit_id: str, date: dt.date, as_of: dt.datetime) -> list[Piece]:
    """A local date of one service point up to `as_of`, looked up where it is counted; none before the date."""
    if await uncounted(tx, date, as_of, [unit_id]):
        rows = await tx.connection.fetch(_PIECES, date, as_of, [unit_id])
    else:
        rows = await tx.connection.fetch(_COUNTED_PIECES, date, as_of, unit_id)
    return [Piece(**row) for row in rows]
