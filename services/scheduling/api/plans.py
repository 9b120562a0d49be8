"""Reading plans."""

import csv
import datetime as dt
import io
from collections.abc import AsyncGenerator
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from services.scheduling.commands import feed
from services.scheduling.commands.export import as_csv
from services.scheduling.commands.officer import own_opd
from services.scheduling.commands.plans import today
from services.scheduling.store import plans
from shared.access import READ_PLANS, Principal, only_opd
from shared.auth import Employee, employee_of, principal, require
from shared.cursors import encode_cursor, read_id_cursor
from shared.events.base import Date
from shared.http import FieldError, Problem, page
from shared.service import Service, service_of

router = APIRouter(prefix="/scheduling/v1", tags=["plans"])
Running = Annotated[Service, Depends(service_of)]
Officer = Annotated[Principal, Depends(require(READ_PLANS))]
First = Annotated[Date, Query(alias="from")]
Last = Annotated[Date, Query(alias="to")]
PAGE = 1000
LONGEST_DAYS = 400
FEED_PAST, FEED_AHEAD = dt.timedelta(31), dt.timedelta(92)
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
        raise Problem(422, "validation", errors=[FieldError("to", "plans.span", {"days": longest})])


@router.get("/me/plans")
async def my_plans(service: Running, me: Employee, first: First, last: Last) -> dict[str, Any]:
    """The caller's plans, both dates included, at most 400 days."""
    _span(first, last)
    async with service.db.read() as tx:
        return page([dict(row) for row in await plans.mine(tx.connection, me, first, last)], None)


@router.post("/me/calendar", status_code=201)
async def open_feed(service: Running, me: Employee) -> dict[str, Any]:
    """An address for calendar programs; one that was given before opens nothing any more."""
    token = await feed.new_token(service.db, service.clock, me)
    return {"url": f"/scheduling/v1/me/calendar.ics?token={token}"}


@router.delete("/me/calendar", status_code=204)
async def close_feed(service: Running, me: Employee) -> None:
    """No address opens my calendar any more."""
    await feed.revoke(service.db, service.clock, me)


@router.get("/me/calendar.ics")
async def my_calendar(request: Request, service: Running, token: str | None = None) -> Response:
    """My plans from a month ago to three months ahead, by feed token or by the usual sign-in."""
    if token is None:
        owner: UUID | None = employee_of(await principal(request))
    else:
        async with service.db.read() as tx:
            owner = await plans.feed_owner(tx.connection, feed.token_hash(token))
        if owner is None:
            raise Problem(401, "feed.revoked")
    day = today(service.clock)
    async with service.db.read() as tx:
        rows = await plans.mine(tx.connection, owner, day - FEED_PAST, day + FEED_AHEAD)
    headers = {"Cache-Control": "private, max-age=300"}
    return Response(feed.calendar(rows, service.clock.now()), media_type="text/calendar", headers=headers)


@router.get("/me/team/plans")
async def my_team(service: Running, me: Employee, first: First, last: Last) -> dict[str, Any]:
    """Plans of those whose superior I am, or whose superior I act for; at most 31 days."""
    _span(first, last, 31)
    async with service.db.read() as tx:
        rows = await plans.team(tx.connection, me, first, last, today(service.clock))
    return page([dict(row) for row in rows], None)


@router.get("/units/{unit_id}/plans")
async def unit_plans(unit_id: str, service: Running, who: Officer, first: First, last: Last) -> dict[str, Any]:
    """Plans of a unit, with names; at most 31 days."""
    _span(first, last, 31)
    async with service.db.read() as tx:
        opd_code = await plans.opd_of_unit(tx.connection, unit_id)
        if opd_code is None:
            raise Problem(404, "not_found")
        own_opd(who, [opd_code])
        return page([dict(row) for row in await plans.unit(tx.connection, unit_id, first, last)], None)


@router.get("/opds/{opd_code}/wfh")
async def wfh_list(
    opd_code: str, service: Running, who: Officer, date: Date, format: Literal["json", "csv"] = "json"
) -> Any:
    """Who of an OPD works from home on a date: the list that West Java's circular asks for beforehand."""
    own_opd(who, [opd_code])
    async with service.db.read() as tx:
        rows = [dict(row) for row in await plans.at_home(tx.connection, opd_code, date)]
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
            async for row in plans.export(tx.connection, first, last, opd_code):
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
        rows = await plans.of_date(tx.connection, date, opd_code, after, PAGE)
    following = encode_cursor(rows[-1]["employee_id"]) if len(rows) == PAGE else None
    return page([dict(row) for row in rows], following)
