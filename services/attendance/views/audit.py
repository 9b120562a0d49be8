"""The audit log."""

import datetime as dt
from typing import Any

from pydantic import BaseModel, ConfigDict

from services.attendance.store import audit as store
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


async def listed(tx: Tx, *, limit: int, before: int | None) -> list[AuditOut]:
    """The audit log, the newest entry first."""
    return [AuditOut.model_validate(entry) for entry in await store.listed(tx, limit=limit, before=before)]
