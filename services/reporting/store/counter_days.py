"""The dates of service points, counted from the facts and kept as rows of `counter_day`."""

import datetime as dt
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

from services.reporting.store import planner
from services.reporting.store.tables import CounterDay
from shared.database import Tx

_VALUES = [name for name in CounterDay.model_fields if name not in ("day", "unit_id")]
_GONE = """
    delete from counter_day as held where held.day = $1 and held.unit_id = any($2)
        and not exists (select from fact_unit as unit where unit.unit_id = held.unit_id and unit.is_service_point)
"""
# In the order of the key, as every transaction that writes some of these rows.
_COUNT = f"""
    insert into counter_day (day, unit_id, {", ".join(_VALUES)})
    select $1, unit_id, {", ".join(_VALUES)} from counted_days($1, $2) order by unit_id
    on conflict (day, unit_id) do update set {", ".join(f"{name} = excluded.{name}" for name in _VALUES)}
"""  # noqa: S608 - names of declared columns
_WANT = """
    insert into touched_counter (day, unit_id)
    select $1, unit.unit_id from fact_unit as unit
        left join counter_day as held on held.day = $1 and held.unit_id = unit.unit_id
    where unit.is_service_point and held.unit_id is null
    order by unit.unit_id
    on conflict (day, unit_id) do nothing
"""
_DIFFERING = f"""
    select held.unit_id from counter_day as held
        left join counted_days($1, coalesce($2, array(select unit_id from counter_day where day = $1))) as fresh
            on fresh.unit_id = held.unit_id
    where held.day = $1 and ($2::text[] is null or held.unit_id = any($2))
        and ({", ".join(f"held.{name}" for name in _VALUES)})
            is distinct from ({", ".join(f"fresh.{name}" for name in _VALUES)})
    order by held.unit_id collate "C"
"""  # noqa: S608 - names of declared columns


async def count(tx: Tx, days: Sequence[tuple[dt.date, str]]) -> None:
    """Count these dates of these units anew; where there is no such service point, there is no row.

    The caller has taken them in this transaction before (`steps.take_counters`). Otherwise an older look at the
    facts may be written over a newer one.
    """
    await planner.some_people(tx)
    for date, of_date in groupby(sorted(set(days)), key=itemgetter(0)):
        unit_ids = [unit_id for _, unit_id in of_date]
        await tx.connection.execute(_GONE, date, unit_ids)
        await tx.connection.execute(_COUNT, date, unit_ids)


async def want(tx: Tx, day: dt.date) -> None:
    """Have the service points counted that have no row of the date: no change touched anyone who works there."""
    await tx.connection.execute(_WANT, day)


async def differing(tx: Tx, day: dt.date, unit_ids: Sequence[str] | None = None) -> list[str]:
    """The units, of all or of some, whose row of the date is another than the facts make it, or that are no
    service points now."""
    await (planner.whole_dates(tx) if unit_ids is None else planner.some_people(tx))
    return [row["unit_id"] for row in await tx.connection.fetch(_DIFFERING, day, unit_ids)]


async def kept(tx: Tx, day: dt.date) -> list[str]:
    """The units that have a row of the date."""
    rows = await tx.connection.fetch("select unit_id from counter_day where day = $1 order by 1", day)
    return [row["unit_id"] for row in rows]
