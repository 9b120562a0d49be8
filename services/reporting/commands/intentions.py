"""What somebody intends to do is said before the work date begins."""

import datetime as dt
from uuid import UUID

from services.reporting.domain import intentions
from services.reporting.domain.intentions import Intention, IntentionIn
from services.reporting.store import intentions as store
from services.reporting.views.intentions import IntentionView, of_day
from services.reporting.views.reports import known_of
from shared.clock import Clock
from shared.database import Database


async def put(
    db: Database, clock: Clock, employee_id: UUID, work_date: dt.date, given: IntentionIn
) -> IntentionView:
    """Say what one intends, in place of what was said before; the same again changes nothing.

    Raises Conflict once the date has begun, Invalid for one too far ahead and for what cannot be meant.
    """
    now = clock.now()
    async with db.transaction() as tx:
        intentions.check_open(work_date, await store.starts_at(tx, employee_id, work_date), now)
        items = intentions.intended_of(given, await known_of(tx, employee_id, work_date, given))
        held = await store.get(tx, employee_id, work_date)
        if held is None or held.items != items:
            await store.put(tx, employee_id, Intention(work_date, now, items))
        return await of_day(tx, employee_id, work_date)
