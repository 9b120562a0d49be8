"""The doors of months: a person's, an OPD's, and for payroll the whole city's as a file."""

import datetime as dt
from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import StreamingResponse

from services.reporting.api.figures import Code, Running
from services.reporting.api.tables import FILES, Cell, FileFormat, file_response
from services.reporting.domain.kept import check_kept
from services.reporting.domain.monthly import month_of
from services.reporting.views import monthly as views
from services.reporting.views import people, periods
from services.reporting.views.monthly import Look, MonthOfPerson, MonthsOfOpd
from shared.access import READ_PAYROLL, READ_PEOPLE, Principal, only_opd
from shared.auth import Caller, require
from shared.cursors import Limit, cut, read_cursor
from shared.dates import local_date
from shared.messages import language_of
from shared.query import InstantParam, not_ahead
from shared.refusals import FieldError, Forbidden, Invalid, Missing
from shared.service import Service

router = APIRouter(prefix="/reporting/v1", tags=["months"])

MonthName = Annotated[str, Path(max_length=7, description="A calendar month", examples=["2025-11"])]
AsOf = Annotated[
    InstantParam | None, Query(description="Instant with an offset, not in the future; now when left out")
]


async def _look(service: Service, name: str, as_of: dt.datetime | None) -> Look:
    """Which month is meant. Raises Invalid for one that has not begun at `as_of`, or was over before the first
    fact, and Missing for one that is no longer kept."""
    now = service.clock.now()
    instant = not_ahead(as_of, now)
    month = month_of(name)
    if month is None:
        raise Invalid("validation", errors=[FieldError("month", "month.name")])
    kept = check_kept(month.first, local_date(now), service.settings.keep_facts_months)
    if month.first > (today := local_date(instant)):
        raise Invalid("validation", errors=[FieldError("month", "month.not_begun", {"latest": f"{today:%Y-%m}"})])
    async with service.db.read() as tx:
        known = await periods.first_date(tx)
    if known is not None and month.last < known:
        raise Invalid("validation", errors=[FieldError("month", "period.before_first_fact", {"first": known})])
    return Look(month, instant, max(month.year_first, kept or month.year_first))


@router.get("/people/{employee_id}/months/{month}")
async def of_person(
    *, employee_id: UUID, month: MonthName, who: Caller, service: Running, request: Request, as_of: AsOf = None
) -> MonthOfPerson:
    """One person's month, and the dates of the year that count.

    For the person, their superiors, their OPD's admin, BKPSDM and auditors; 404 for everyone else.
    """
    look = await _look(service, month, as_of)
    language = language_of(request.headers.get("accept-language"))
    async with service.db.read() as tx:
        if not await people.may_see(tx, who, employee_id, look.month.first, look.month.last):
            raise Missing("person.unknown")
        return await views.of_person(tx, look, employee_id, language)


@router.get("/opds/{opd_code}/months/{month}", response_model=MonthsOfOpd, responses=FILES)
async def of_opd(
    *,
    opd_code: Code,
    month: MonthName,
    who: Annotated[Principal, Depends(require(READ_PEOPLE))],
    service: Running,
    request: Request,
    as_of: AsOf = None,
    form: Annotated[Literal["json"] | FileFormat, Query(alias="format")] = "json",
    limit: Limit = 1000,
    cursor: str | None = None,
) -> MonthsOfOpd | StreamingResponse:
    """The months of those whose plans name the OPD, by employee_id; with `format` csv or parquet one file of all.

    For BKPSDM, auditors and the OPD's admin. The cursor keeps as_of, so that all pages show the same moment.
    """
    if only_opd(who) not in (None, opd_code):
        raise Forbidden("opd.not_yours", params={"own": who.opd or "-"})
    after: UUID | None = None
    if cursor:
        after, kept_as_of = read_cursor(cursor, UUID, dt.datetime)
        as_of = as_of or kept_as_of
    look = await _look(service, month, as_of)
    if form != "json":
        return _file(service, look, form, opd_code)
    async with service.db.read() as tx:
        items = await views.of_opd(tx, look, opd_code, after, limit + 1)
    page = cut(items, limit, lambda item: [item.employee_id, look.as_of])
    language = language_of(request.headers.get("accept-language"))
    return MonthsOfOpd(items=page.items, next=page.next, as_of=look.as_of, note=views.note(language))


@router.get(
    "/months/{month}",
    dependencies=[Depends(require(READ_PAYROLL))],
    response_class=StreamingResponse,
    responses=FILES,
)
async def of_city(
    *,
    month: MonthName,
    service: Running,
    as_of: AsOf = None,
    form: Annotated[FileFormat, Query(alias="format")] = "csv",
) -> StreamingResponse:
    """The month of everyone in the city as one file, by employee_id. For BKPSDM."""
    return _file(service, await _look(service, month, as_of), form, None)


def _file(service: Service, look: Look, form: FileFormat, opd_code: str | None) -> StreamingResponse:
    async def rows() -> AsyncGenerator[Sequence[Cell], None]:
        async with service.db.read() as tx:
            async for item in views.everyone(tx, look, opd_code):
                yield views.row_of(item, look.as_of)

    return file_response(f"months-{look.month.name}", form, views.COLUMNS, rows())
