"""What is recorded, as people read it."""

import datetime as dt
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, TypeAdapter

from services.attendance import store
from services.attendance.bodies import AuditOut, OutageOut, PunchOut, VoidOut
from shared.http import FieldError, Problem, decode_cursor, encode_cursor, page
from shared.service import Service

PAGE = 1000
_INSTANT = TypeAdapter[dt.datetime](AwareDatetime)


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
    if cursor is not None:
        starts_at, outage_id = decode_cursor(cursor, 2)
        try:
            after = _INSTANT.validate_python(starts_at), UUID(str(outage_id))
        except ValueError as error:
            raise _bad_cursor() from error
    async with service.db.read() as tx:
        found = await store.outages(tx, limit=limit + 1, after=after, ends_from=ends_from)
    items, more = found[:limit], found[limit:]
    following = encode_cursor(items[-1].starts_at.isoformat(), items[-1].outage_id) if more else None
    return page([OutageOut.model_validate(outage) for outage in items], following)


async def audit(service: Service, *, limit: int, cursor: str | None) -> dict[str, Any]:
    """The audit log, the newest entry first."""
    before: int | None = None
    if cursor is not None:
        (before,) = decode_cursor(cursor, 1)
        if not isinstance(before, int):
            raise _bad_cursor()
    async with service.db.read() as tx:
        found = await store.audit_log(tx, limit=limit + 1, before=before)
    items, more = found[:limit], found[limit:]
    following = encode_cursor(items[-1].id) if more else None
    return page([AuditOut.model_validate(entry) for entry in items], following)


def _bad_cursor() -> Problem:
    return Problem(422, "cursor.invalid", errors=[FieldError("cursor", "cursor.invalid")])
