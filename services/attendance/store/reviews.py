"""How long a superior has to decide: the rules and the calendar."""

import datetime as dt

from shared.database import Tx
from shared.dates import local_date, midnight, working_day_after

_WORKING_DAYS = """
    select review_sla_working_days from rules_fact
    where effective_from <= $1 order by effective_from desc, rules_version collate "C" desc limit 1
"""
_HOLIDAYS = """
    select (holiday ->> 'date')::date as date from calendar_fact, jsonb_array_elements(holidays) as holiday
    where year between $1 and $1 + 1
"""
_WITHOUT_RULES = 3


async def due(tx: Tx, since: dt.datetime) -> dt.datetime:
    """Until when what waits since an instant is a direct superior's alone: the midnight that ends the last working
    day which the rules in force on its date give for a review."""
    day = local_date(since)
    days: int = await tx.connection.fetchval(_WORKING_DAYS, day) or _WITHOUT_RULES
    holidays = {row["date"] for row in await tx.connection.fetch(_HOLIDAYS, day.year)}
    return midnight(working_day_after(day, days, holidays) + dt.timedelta(1))
