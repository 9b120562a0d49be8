"""What is recorded, as people read it."""

import datetime as dt
from typing import Any
from uuid import UUID

from services.attendance import store
from services.attendance.bodies import AuditOut, OutageOut, PunchOut, VoidOut
from shared.cursors import encode_cursor, read_cursor
from shared.http import page
from shared.service import Service

PAGE = 1000


async def day(service: Service, employee_id: UUID, work_date: dt.date) -> dict[str, Any]:
    """The punches of a person for a work date. A day has few: one page holds them."""
    async with service.db.read() as tx:
        rows = await store.day_of(tx, employee_id, work_date)
    return page(
        [
            PunchOut.model_validate(punch.model_dump() | {"void": VoidOut.model_validate(void) if void else None})
            for punch, void in rows
        ],
        None,
    )


async def outages(
    service: Service, *, limit: int, cursor: str | None, ends_from: dt.datetime | None
) -> dict[str, Any]:
    """Outages, the latest start first, revoked ones included."""
    after: tuple[dt.datetime, UUID] | None = None
    if cursor:
        starts_at, outage_id = read_cursor(cursor, dt.datetime, UUID)
        after = starts_at, outage_id
    async with service.db.read() as tx:
        found = await store.outages(tx, limit=limit + 1, after=after, ends_from=ends_from)
    items, more = found[:limit], found[limit:]
    following = encode_cursor(items[-1].starts_at, items[-1].outage_id) if more else None
    return page([OutageOut.model_validate(outage) for outage in items], following)


async def audit(service: Service, *, limit: int, cursor: str | None) -> dict[str, Any]:
    """The audit log, the newest entry first."""
    before: int | None = read_cursor(cursor, int)[0] if cursor else None
    async with service.db.read() as tx:
        found = await store.audit_log(tx, limit=limit + 1, before=before)
    items, more = found[:limit], found[limit:]
    last = items[-1].id if more else None  # None only before the row is stored
    following = encode_cursor(last) if last is not None else None
    return page([AuditOut.model_validate(entry) for entry in items], following)
