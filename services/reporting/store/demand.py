"""Who came to service points, half hour by half hour."""

import datetime as dt
from collections.abc import Collection, Sequence

from services.reporting.domain.demand import Demand
from shared.database import Tx

_COLUMNS = "unit_id, from_at, arrivals, mean_service_seconds, target_seconds"
_GIVEN = "unnest($1::text[], $2::timestamptz[], $3::int[], $4::float8[], $5::float8[])"
_POINTS = "select unit_id, opd_code from fact_unit where is_service_point"
_STORED = f"""
    select {_COLUMNS} from demand
        join unnest($1::text[], $2::timestamptz[]) as given(unit_id, from_at) using (unit_id, from_at)
"""  # noqa: S608 - a constant of this file
_OF_DATES = f"""
    select {_COLUMNS} from demand
    where unit_id = $1 and from_at >= local_midnight($2) and from_at < local_midnight($3::date + 1)
    order by from_at
"""  # noqa: S608 - a constant of this file
# In the order of the key, as every transaction that writes some of these rows.
_SAVE = f"""
    insert into demand ({_COLUMNS}) select * from {_GIVEN} order by 1, 2
    on conflict (unit_id, from_at) do update set arrivals = excluded.arrivals,
        mean_service_seconds = excluded.mean_service_seconds, target_seconds = excluded.target_seconds
"""  # noqa: S608 - constants of this file
_REMOVE = "delete from demand where unit_id = $1 and from_at = any($2::timestamptz[])"


async def lock(tx: Tx) -> None:
    """One who writes at a time; whoever reads goes on."""
    await tx.connection.execute("lock table demand in share row exclusive mode")


async def service_points(tx: Tx) -> dict[str, str]:
    """The OPD of every service point."""
    return {row["unit_id"]: row["opd_code"] for row in await tx.connection.fetch(_POINTS)}


async def stored(tx: Tx, demand: Sequence[Demand]) -> set[Demand]:
    """What is stored of the half hours of these."""
    keys = [one.unit_id for one in demand], [one.from_at for one in demand]
    return {Demand(**row) for row in await tx.connection.fetch(_STORED, *keys)}


async def of_dates(tx: Tx, unit_id: str, first: dt.date, last: dt.date) -> list[Demand]:
    """The half hours of a service point from one local date to another, in order."""
    return [Demand(**row) for row in await tx.connection.fetch(_OF_DATES, unit_id, first, last)]


async def save(tx: Tx, demand: Sequence[Demand]) -> None:
    """Write half hours, over what is stored of them."""
    rows = [list(column) for column in zip(*demand, strict=True)]
    if rows:
        await tx.connection.execute(_SAVE, *rows)


async def remove(tx: Tx, unit_id: str, starts: Collection[dt.datetime]) -> None:
    """Forget half hours of a service point."""
    await tx.connection.execute(_REMOVE, unit_id, list(starts))
