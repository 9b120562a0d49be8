"""What people do with their messages."""

import datetime as dt
from uuid import UUID

from services.notifications.store import inbox as store
from shared.database import Tx
from shared.refusals import Missing


async def read(tx: Tx, employee_id: UUID, notification_id: UUID, now: dt.datetime) -> dt.datetime:
    """Mark one message of a person as read; when it was first read. Raises Missing for another's."""
    read_at = await store.mark_read(tx, employee_id, notification_id, now)
    if read_at is None:
        raise Missing("notification.unknown")
    return read_at


async def read_all(tx: Tx, employee_id: UUID, now: dt.datetime) -> int:
    """Mark all messages of a person as read; how many were not."""
    return await store.mark_all_read(tx, employee_id, now)
