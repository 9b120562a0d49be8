"""Reading plans."""

import datetime as dt
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from services.scheduling.store import plans
from shared.auth import Employee, Principal, require
from shared.http import FieldError, Problem, decode_cursor, encode_cursor, page
from shared.service import Service, service_of

router = APIRouter(prefix="/scheduling/v1", tags=["plans"])
Running = Annotated[Service, Depends(service_of)]
PAGE = 1000
LONGEST_DAYS = 400


@router.get("/me/plans")
async def my_plans(
    service: Running,
    me: Employee,
    first: Annotated[dt.date, Query(alias="from")],
    last: Annotated[dt.date, Query(alias="to")],
) -> dict[str, Any]:
    """The caller's plans, both dates included, at most 400 days."""
    if last < first or (last - first).days >= LONGEST_DAYS:
        params = {"days": LONGEST_DAYS}
        raise Problem(422, "validation", errors=[FieldError("to", "plans.span", params)])
    async with service.db.read() as tx:
        return page([dict(row) for row in await plans.mine(tx.connection, me, first, last)], None)


@router.get("/plans")
async def plans_of_date(
    service: Running,
    who: Annotated[Principal, Depends(require("bkpsdm", "opd_admin", "auditor"))],
    date: dt.date,
    opd_code: str | None = None,
    cursor: str | None = None,
) -> dict[str, Any]:
    """All plans of a date, a thousand to a page; an OPD admin sees their own OPD."""
    if who.role == "opd_admin":
        opd_code = who.opd or ""
    after = UUID(int=0)
    if cursor is not None:
        try:
            after = UUID(str(decode_cursor(cursor, 1)[0]))
        except ValueError as error:
            raise Problem(422, "cursor.invalid", errors=[FieldError("cursor", "cursor.invalid")]) from error
    async with service.db.read() as tx:
        rows = await plans.of_date(tx.connection, date, opd_code, after, PAGE)
    following = encode_cursor(rows[-1]["employee_id"]) if len(rows) == PAGE else None
    return page([dict(row) for row in rows], following)
