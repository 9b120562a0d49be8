"""What is missing where work is planned, for those who can mend it."""

import datetime as dt
from typing import NamedTuple

from services.reporting.store import gaps as store
from services.reporting.store.gaps import EmptyUnit
from services.reporting.store.people import Somebody
from shared.database import Tx

MOST = 50
"""Of each, how many are shown."""


class Gaps(NamedTuple):
    """Active people without a plan for the date: how many, and the first of them. Units that nobody belongs to."""

    unplanned: int
    people: list[Somebody]
    units: list[EmptyUnit]


async def of_date(tx: Tx, date: dt.date, opd_code: str | None) -> Gaps:
    """Of an OPD, or of the whole city."""
    unplanned, people = await store.unplanned(tx, date, opd_code, MOST)
    return Gaps(unplanned, people, await store.empty_units(tx, opd_code, MOST))
