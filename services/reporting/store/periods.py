"""Which dates there are anything about."""

import datetime as dt

from shared.database import Tx
from shared.events.base import FIRST_DATE

_FIRST = """
    select least(
        (select min(work_date) from fact_plan where work_date >= $1),
        (select min(work_date) from fact_punch where work_date >= $1),
        (select min(work_date) from fact_report where work_date >= $1)
    )
"""


async def first_date(tx: Tx) -> dt.date | None:
    """The first work date that anything is known of; None while nothing is."""
    return await tx.connection.fetchval(_FIRST, FIRST_DATE)
