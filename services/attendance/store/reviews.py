"""How long a superior has to decide: the rules and the calendar."""

import datetime as dt

from shared.database import Tx
from shared.dates import local_date, review_until

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
    """Until when what waits since an instant is a direct superior's alone, by the rules in force on its date."""
    day = local_date(since)
    days: int = await tx.connection.fetchval(_WORKING_DAYS, day) or _WITHOUT_RULES
    holidays = {row["date"] for row in await tx.connection.fetch(_HOLIDAYS, day.year)}
    return review_until(since, days, holidays)
