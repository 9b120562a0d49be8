"""The audit log of corrections and outages."""

from typing import Annotated

from fastapi import APIRouter, Depends

from services.attendance.api import PREFIX, Running
from services.attendance.views import audit as views
from services.attendance.views.audit import AuditOut
from shared.access import READ_AUDIT, Principal
from shared.auth import require
from shared.cursors import Limit, Page, cut, read_cursor

router = APIRouter(prefix=PREFIX)
Inspector = Annotated[Principal, Depends(require(READ_AUDIT))]


@router.get("/audit")
async def listed(
    _: Inspector,
    service: Running,
    limit: Limit = 1000,
    cursor: str | None = None,
) -> Page[AuditOut]:
    """Who corrected whose record and who declared which outage, the newest first."""
    (before,) = read_cursor(cursor, int) if cursor else (None,)
    async with service.db.read() as tx:
        entries = await views.listed(tx, limit=limit + 1, before=before)
    return cut(entries, limit, lambda entry: [entry.id])
