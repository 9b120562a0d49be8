"""Somebody who was told says that they see to it: then nobody else is told."""

import datetime as dt
from uuid import UUID

from services.notifications.commands import inbox
from services.notifications.store import escalation as store
from services.notifications.store.escalation import Seen
from shared.database import Tx
from shared.refusals import Conflict


async def acknowledge(tx: Tx, employee_id: UUID, notification_id: UUID, now: dt.datetime) -> Seen:
    """See to what a message is about; the message is read by that. Doing it again changes nothing, and who was
    first stays so; where it is over by itself, it is noted all the same.

    Raises Missing for another's message, Conflict for one that asks nobody to see to anything.
    """
    await inbox.read(tx, employee_id, notification_id, now)
    seen = await store.acknowledge(tx, employee_id, notification_id, now)
    if seen is None:
        raise Conflict("notification.not_asked")
    return seen
