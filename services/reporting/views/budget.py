"""How service points and OPDs kept their service over time: the exact figures of their dates, summed.

A period is a sum of dates: each is what `views/figures` shows of it, so a figure of a month is never another than
those of its days.
"""

import datetime as dt

from pydantic import BaseModel

from services.reporting.domain.budget import BudgetStatus
from services.reporting.store import budget as store
from shared.database import Tx
from shared.events import BudgetWindow


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


async def burning(tx: Tx, after: tuple[str, str], limit: int) -> list[Burning]:
    """What burns or is spent now, by unit and window."""
    return [
        Burning(
            window=one.of_window, **{name: getattr(one, name) for name in Burning.model_fields if name != "window"}
        )
        for one in await store.burning(tx, after, limit)
    ]
