"""Reading plans."""

import csv
import datetime as dt
import io
from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse

from services.scheduling.store import plans
from services.scheduling.views.csv_text import as_csv
from services.scheduling.views.plans import without_personal_reason
from shared.access import READ_PLANS, READ_REASONS, Principal, may, only_opd, own_opd
from shared.auth import Employee, require
from shared.cursors import encode_cursor, read_id_cursor
from shared.events.base import Date
from shared.http import page
from shared.refusals import FieldError, Invalid, Missing
from shared.service import Service, service_of

router = APIRouter(prefix="/scheduling/v1", tags=["plans"])
Running = Annotated[Service, Depends(service_of)]
Officer = Annotated[Principal, Depends(require(READ_PLANS))]
First = Annotated[Date, Query(alias="from")]
Last = Annotated[Date, Query(alias="to")]
PAGE = 1000
LONGEST_DAYS = 400
COLUMNS = (
    "employee_id",
    "opd_code",
    "unit_id",
    "work_date",
    "revision",
    "mode",
    "starts_at",
    "ends_at",
    "policy_version",
    "reason",
)
WFH_COLUMNS = (
    "employee_id",
    "name",
    "unit_id",
    "unit_name",
    "starts_at",
    "ends_at",
    "policy_version",
)


def _span(first: dt.date, last: dt.date, longest: int = LONGEST_DAYS) -> None:
    if last < first or (last - first).days >= longest:
        raise Invalid("validation", errors=[FieldError("to", "plans.span", {"days": longest})])


def _readable(who: Principal, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Plans with their reasons as far as the caller may know them."""
    return [dict(row) if may(who, READ_REASONS) else without_personal_reason(row) for row in rows]


@router.get("/me/plans")
async def my_plans(service: Running, me: Employee, first: First, last: Last) -> dict[str, Any]:
    """The caller's plans, both dates included, at most 400 days."""
    _span(first, last)
    async with service.db.read() as tx:
        return page([dict(row) for row in await plans.mine(tx, me, first, last)], None)


@router.get("/me/team/plans")
async def my_team(service: Running, me: Employee, first: First, last: Last) -> dict[str, Any]:
    """Plans of those whose superior I am, or whose superior I act for; at most 31 days."""
    _span(first, last, 31)
    async with service.db.read() as tx:
        rows = await plans.team(tx, me, first, last)
    return page([without_personal_reason(row) for row in rows], None)


@router.get("/units/{unit_id}/plans")
async def unit_plans(unit_id: str, service: Running, who: Officer, first: First, last: Last) -> dict[str, Any]:
    """Plans of a unit, with names; at most 31 days."""
    _span(first, last, 31)
    async with service.db.read() as tx:
        opd_code = await plans.opd_of_unit(tx, unit_id)
        if opd_code is None:
            raise Missing("not_found")
        own_opd(who, [opd_code])
        return page(_readable(who, await plans.unit(tx, unit_id, first, last)), None)


@router.get("/opds/{opd_code}/wfh")
async def wfh_list(
    opd_code: str, service: Running, who: Officer, date: Date, format: Literal["json", "csv"] = "json"
) -> Any:
    """Who of an OPD works from home on a date: the list that West Java's circular asks for beforehand."""
    own_opd(who, [opd_code])
    async with service.db.read() as tx:
        rows = [dict(row) for row in await plans.at_home(tx, opd_code, date)]
    if format == "csv":
        return Response(as_csv(WFH_COLUMNS, rows), media_type="text/csv; charset=utf-8")
    return page(rows, None)


@router.get("/plans.csv")
async def export(
    service: Running, who: Officer, first: First, last: Last, opd_code: str | None = None
) -> StreamingResponse:
    """All plans of a span as CSV, at most 62 days."""
    _span(first, last, 62)
    own = only_opd(who)
    opd_code = opd_code if own is None else own

    async def lines() -> AsyncGenerator[str, None]:
        yield ",".join(COLUMNS) + "\r\n"
        text = io.StringIO()
        writer = csv.writer(text)
        async with service.db.read() as tx:
            async for stored in plans.export(tx, first, last, opd_code):
                row = stored if may(who, READ_REASONS) else without_personal_reason(stored)
                writer.writerow(["" if row[name] is None else row[name] for name in COLUMNS])
                if text.tell() > 64 * 1024:
                    yield text.getvalue()
                    text.seek(0)
                    text.truncate()
        yield text.getvalue()

    return StreamingResponse(lines(), media_type="text/csv; charset=utf-8")


@router.get("/plans")
async def plans_of_date(
    service: Running,
    who: Officer,
    date: Date,
    opd_code: str | None = None,
    cursor: str | None = None,
) -> dict[str, Any]:
    """All plans of a date, a thousand to a page; an OPD admin sees their own OPD."""
    own = only_opd(who)
    opd_code = opd_code if own is None else own
    after = read_id_cursor(cursor)
    async with service.db.read() as tx:
        rows = await plans.of_date(tx, date, opd_code, after, PAGE)
    following = encode_cursor(rows[-1]["employee_id"]) if len(rows) == PAGE else None
    return page(_readable(who, rows), following)
