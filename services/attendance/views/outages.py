"""Declared outages."""

import datetime as dt
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.attendance.store import outages as store
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
    tx: Tx, *, limit: int, after: tuple[dt.datetime, UUID] | None, ends_from: dt.datetime | None
) -> list[OutageOut]:
    """Outages, the latest start first, revoked ones included; from the one after `after` on."""
    outages = await store.listed(tx, limit=limit, after=after, ends_from=ends_from)
    return [OutageOut.model_validate(outage) for outage in outages]
