"""Reading plans."""

import datetime as dt
from collections.abc import AsyncGenerator
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from services.scheduling.api.doors import OR_CSV, CsvResponse, Running, csv_response
from services.scheduling.views import plans as views
from services.scheduling.views.plans import AtHome, NamedPlan, Plan
from shared.access import READ_PLANS, Principal
from shared.auth import Employee, require
from shared.cursors import Page, cut, read_id_cursor
from shared.events.base import Date
from shared.refusals import FieldError, Invalid

router = APIRouter(prefix="/scheduling/v1", tags=["plans"])
Officer = Annotated[Principal, Depends(require(READ_PLANS))]
First = Annotated[Date, Query(alias="from")]
Last = Annotated[Date, Query(alias="to")]
PAGE = 1000
LONGEST_DAYS = 400


def _span(first: dt.date, last: dt.date, longest: int = LONGEST_DAYS) -> None:
    if last < first or (last - first).days >= longest:
        raise Invalid("validation", errors=[FieldError("to", "plans.span", {"days": longest})])


@router.get("/me/plans")
async def my_plans(service: Running, me: Employee, first: First, last: Last) -> Page[Plan]:
    """The caller's plans, both dates included, at most 400 days."""
    _span(first, last)
    async with service.db.read() as tx:
        return Page(items=await views.mine(tx, me, first, last))


@router.get("/me/team/plans")
async def my_team(service: Running, me: Employee, first: First, last: Last) -> Page[NamedPlan]:
    """Plans of those whose superior I am, or whose superior I act for; at most 31 days."""
    _span(first, last, 31)
    async with service.db.read() as tx:
        return Page(items=await views.team(tx, me, first, last))


@router.get("/units/{unit_id}/plans")
async def unit_plans(unit_id: str, service: Running, who: Officer, first: First, last: Last) -> Page[NamedPlan]:
    """Plans of a unit, with names; at most 31 days."""
    _span(first, last, 31)
    async with service.db.read() as tx:
        return Page(items=await views.of_unit(tx, who, unit_id, first, last))


@router.get("/opds/{opd_code}/wfh", response_model=Page[AtHome], responses=OR_CSV)
async def wfh_list(
    opd_code: str, service: Running, who: Officer, date: Date, format: Literal["json", "csv"] = "json"
) -> Page[AtHome] | CsvResponse:
    """Who of an OPD works from home on a date: the list that West Java's circular asks for beforehand."""
    async with service.db.read() as tx:
        people = await views.at_home(tx, who, opd_code, date)
    return csv_response([*AtHome.model_fields], people) if format == "csv" else Page(items=people)


@router.get("/plans.csv", response_class=CsvResponse)
async def export(
    service: Running, who: Officer, first: First, last: Last, opd_code: str | None = None
) -> StreamingResponse:
    """All plans of a span as CSV, at most 62 days."""
    _span(first, last, 62)

    async def lines() -> AsyncGenerator[str, None]:
        async with service.db.read() as tx:
            async for piece in views.table(tx, who, first, last, opd_code):
                yield piece

    return StreamingResponse(lines(), media_type=CsvResponse.media_type)


@router.get("/plans")
async def plans_of_date(
    service: Running, who: Officer, date: Date, opd_code: str | None = None, cursor: str | None = None
) -> Page[Plan]:
    """All plans of a date, a thousand to a page; an OPD admin sees their own OPD."""
    after = read_id_cursor(cursor)
    async with service.db.read() as tx:
        plans = await views.of_date(tx, who, date, opd_code=opd_code, after=after, limit=PAGE + 1)
    return cut(plans, PAGE, lambda plan: (plan.employee_id,))
