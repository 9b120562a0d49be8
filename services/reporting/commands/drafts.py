"""Drafts are saved, dropped, and forgotten when nobody touches them. No event: they are nobody else's business."""

import datetime as dt
from uuid import UUID

from services.reporting.domain.drafts import KEPT, MOST, Draft
from services.reporting.domain.reports import check_work_date
from services.reporting.store import drafts as store
from services.reporting.views.drafts import DraftView, of_day
from shared.clock import Clock
from shared.database import Database
from shared.dates import local_date
from shared.refusals import Conflict


async def put(db: Database, clock: Clock, employee_id: UUID, work_date: dt.date, draft: Draft) -> DraftView:
    """Save a draft over the one before.

    Raises Invalid for a work date beyond tomorrow, Conflict where there are too many of other dates.
    """
    now = clock.now()
    check_work_date(work_date, local_date(now))
    async with db.transaction() as tx:
        if await store.others(tx, employee_id, work_date) >= MOST:
            raise Conflict("draft.enough", params={"most": MOST})
        await store.put(tx, employee_id, work_date, draft, now)
        return await of_day(tx, employee_id, work_date)


async def drop(db: Database, employee_id: UUID, work_date: dt.date) -> None:
    async with db.transaction() as tx:
        await store.drop(tx, employee_id, work_date)


async def forget(db: Database, now: dt.datetime) -> None:
    """Forget the drafts that nobody has touched for long."""
    async with db.transaction() as tx:
        await store.forget(tx, now - KEPT)
