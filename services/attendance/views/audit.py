"""The audit log."""

import datetime as dt
from typing import Any

from pydantic import BaseModel, ConfigDict

from services.attendance.store import audit as store
from shared.cursors import encode_cursor, read_cursor
from shared.database import Tx


class AuditOut(BaseModel):
    """Who did what to whose record, when and why."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    at: dt.datetime
    actor: str
    role: str
    action: str
    subject: str
    reason: str
    details: dict[str, Any]


async def listed(tx: Tx, *, limit: int, cursor: str | None) -> tuple[list[AuditOut], str | None]:
    """The audit log, the newest entry first; and the cursor of those after them."""
    (before,) = read_cursor(cursor, int) if cursor else (None,)
    entries = await store.listed(tx, limit=limit + 1, before=before)
    items = [AuditOut.model_validate(entry) for entry in entries[:limit]]
    return items, encode_cursor(items[-1].id) if entries[limit:] else None
