"""A draft as its author reads it; nobody else does."""

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from pydantic import BaseModel

from services.reporting.domain.drafts import DraftItem
from services.reporting.store import drafts as store
from shared.database import Tx
from shared.refusals import Missing


class DraftView(BaseModel):
    """The draft of one work date."""

    work_date: dt.date
    saved_at: dt.datetime
    items: Sequence[DraftItem]


async def of_day(tx: Tx, employee_id: UUID, work_date: dt.date) -> DraftView:
    """One's own draft of a work date. Raises Missing while there is none."""
    saved = await store.get(tx, employee_id, work_date)
    if saved is None:
        raise Missing("draft.none", params={"work_date": work_date})
    return DraftView(work_date=work_date, saved_at=saved.saved_at, items=saved.items)
