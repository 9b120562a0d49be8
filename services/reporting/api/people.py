"""The doors of people: those of an OPD with their states, and one person's date with every reason."""

import datetime as dt
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request

from services.reporting.api.figures import At, Code, Moment, Running, moment
from services.reporting.views import people as views
from services.reporting.views.people import Found, PersonDay, PersonStates
from shared.access import READ_PEOPLE, Principal, only_opd
from shared.auth import Caller, require
from shared.cursors import Limit, Page, cut, read_cursor
from shared.events.base import Date
from shared.messages import language_of
from shared.query import InstantParam
from shared.refusals import Forbidden, Missing

router = APIRouter(prefix="/reporting/v1", tags=["views"])


@router.get("/opds/{opd_code}/people")
async def people(
    *,
    opd_code: Code,
    who: Annotated[Principal, Depends(require(READ_PEOPLE))],
    at: At,
    service: Running,
    request: Request,
    limit: Limit = 1000,
    cursor: str | None = None,
) -> Page[PersonStates]:
    """Those whose plan for the date names the OPD, by employee_id. For BKPSDM, auditors and the OPD's admin.

    The cursor keeps date and as_of, so that all pages show the same moment.
    """
    if only_opd(who) not in (None, opd_code):
        raise Forbidden("opd.not_yours", params={"own": who.opd or "-"})
    after: UUID | None = None
    if cursor:
        after, date, as_of = read_cursor(cursor, UUID, dt.date, dt.datetime)
        asked = request.query_params
        at = Moment(at.date if "date" in asked else date, at.as_of if "as_of" in asked else as_of)
    async with service.db.read() as tx:
        listed = await views.of_opd(tx, opd_code, at.date, at.as_of, after, limit + 1)
    return cut(listed, limit, lambda person: [person.employee_id, at.date, at.as_of])


_ID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
Ids = Annotated[
    str | None,
    Query(max_length=4000, pattern=f"^{_ID}(,{_ID})*$", description="Whose names: ids with commas between"),
]


@router.get("/people")
async def find(
    who: Annotated[Principal, Depends(require(READ_PEOPLE))],
    service: Running,
    *,
    q: Annotated[
        str | None, Query(min_length=2, max_length=100, description="Beginnings of the words of a name")
    ] = None,
    ids: Ids = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[Found]:
    """People by name or by id, and where they belong: to choose one, or to name those whom other doors list by id.

    For BKPSDM, auditors and the OPD's admin. Without `q` and `ids` nobody is listed.
    """
    chosen = [UUID(one) for one in ids.split(",")] if ids else []
    if q is None and not chosen:
        return Page(items=[])
    async with service.db.read() as tx:
        return Page(items=await views.found(tx, who, q, chosen, limit))


@router.get("/people/{employee_id}/days/{date}")
async def person_day(
    *,
    employee_id: UUID,
    who: Caller,
    service: Running,
    request: Request,
    date: Date,
    as_of: InstantParam | None = None,
) -> PersonDay:
    """One person's date with the reason for each state.

    For the person, their superiors, their OPD's admin, BKPSDM and auditors; 404 for everyone else.
    """
    at = moment(service, date, as_of)
    language = language_of(request.headers.get("accept-language"))
    async with service.db.read() as tx:
        if not await views.may_see(tx, who, employee_id, at.date):
            raise Missing("person.unknown")
        return await views.person_day(tx, employee_id, at.date, at.as_of, language)
