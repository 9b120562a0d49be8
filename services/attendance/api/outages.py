"""Outages of the city's own systems."""

import datetime as dt
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import TypeAdapter

from services.attendance.api import PREFIX, Running, described, read
from services.attendance.commands import Act, outages
from services.attendance.domain import Exact
from services.attendance.domain.outages import OutageTerms
from services.attendance.views import outages as views
from services.attendance.views.outages import OutageOut
from shared.access import DECLARE_OUTAGES, Principal
from shared.auth import Caller, require
from shared.cursors import Limit, Page, cut, read_cursor
from shared.events.base import UUID as ExactUUID
from shared.events.base import Revision
from shared.personal import Reason
from shared.query import InstantParam

router = APIRouter(prefix=PREFIX)
Declarer = Annotated[Principal, Depends(require(DECLARE_OUTAGES))]


class OutageIn(OutageTerms):
    """`outage_id` is the caller's, so that a retry declares no second outage."""

    outage_id: ExactUUID | None = None


class OutageRevisionIn(OutageTerms):
    """The whole outage as it shall be. `revision` is the one that the officer saw."""

    revision: Revision


class RevocationIn(Exact):
    """Why an outage is taken back."""

    reason: Reason


OUTAGE = TypeAdapter(OutageIn)
OUTAGE_REVISION = TypeAdapter(OutageRevisionIn)
REVOCATION = TypeAdapter(RevocationIn)


@router.post(
    "/outages",
    status_code=201,
    responses={200: {"model": OutageOut, "description": "The same outage had been declared"}},
    openapi_extra=described(OUTAGE),
)
async def declare(request: Request, response: Response, who: Declarer, service: Running) -> OutageOut:
    """Declare that the city's own systems failed, for a scope and an interval."""
    body = await read(request, OUTAGE)
    act = Act(who, service.clock.now())
    async with service.db.transaction() as tx:
        outage, created = await outages.declare(tx, act, body.outage_id, body)
    response.status_code = 201 if created else 200
    return OutageOut.model_validate(outage)


@router.put("/outages/{outage_id}", openapi_extra=described(OUTAGE_REVISION))
async def revise(outage_id: UUID, request: Request, who: Declarer, service: Running) -> OutageOut:
    """Replace an outage by a new revision of it, such as its real end."""
    body = await read(request, OUTAGE_REVISION)
    act = Act(who, service.clock.now())
    async with service.db.transaction() as tx:
        return OutageOut.model_validate(await outages.revise(tx, act, outage_id, body.revision, body))


@router.post("/outages/{outage_id}/revocation", openapi_extra=described(REVOCATION))
async def revoke(outage_id: UUID, request: Request, who: Declarer, service: Running) -> OutageOut:
    """Take an outage back."""
    body = await read(request, REVOCATION)
    act = Act(who, service.clock.now())
    async with service.db.transaction() as tx:
        return OutageOut.model_validate(await outages.revoke(tx, act, outage_id, body.reason))


@router.get("/outages")
async def listed(
    _: Caller,
    service: Running,
    ends_from: InstantParam | None = None,
    limit: Limit = 1000,
    cursor: str | None = None,
) -> Page[OutageOut]:
    """Outages, the latest start first; everyone signed in may see what excuses whom."""
    after = None
    if cursor:
        starts_at, outage_id = read_cursor(cursor, dt.datetime, UUID)
        after = starts_at, outage_id
    async with service.db.read() as tx:
        declared = await views.listed(tx, limit=limit + 1, after=after, ends_from=ends_from)
    return cut(declared, limit, lambda outage: [outage.starts_at, outage.outage_id])
