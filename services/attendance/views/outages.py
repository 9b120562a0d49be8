"""Declared outages."""

import datetime as dt
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.attendance.store import outages as store
from shared.cursors import encode_cursor, read_cursor
from shared.database import Tx
from shared.events import Scope


class OutageOut(BaseModel):
    """The newest revision of an outage."""

    model_config = ConfigDict(from_attributes=True)

    outage_id: UUID
    revision: int
    scope: Scope
    starts_at: dt.datetime
    ends_at: dt.datetime
    reason: str
    declared_by: str
    revoked: bool


async def listed(
    tx: Tx, *, limit: int, cursor: str | None, ends_from: dt.datetime | None
) -> tuple[list[OutageOut], str | None]:
    """Outages, the latest start first, revoked ones included; and the cursor of those after them."""
    after: tuple[dt.datetime, UUID] | None = None
    if cursor:
        starts_at, outage_id = read_cursor(cursor, dt.datetime, UUID)
        after = starts_at, outage_id
    outages = await store.listed(tx, limit=limit + 1, after=after, ends_from=ends_from)
    items, more = outages[:limit], outages[limit:]
    following = encode_cursor(items[-1].starts_at, items[-1].outage_id) if more else None
    return [OutageOut.model_validate(outage) for outage in items], following
