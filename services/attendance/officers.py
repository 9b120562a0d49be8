"""The doors for officers: corrections of a record, outages, and the audit log of both."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from services.attendance import corrections, outages, views
from services.attendance.bodies import (
    CORRECTION,
    OUTAGE,
    OUTAGE_REVISION,
    REVOCATION,
    ManualIn,
    OutageOut,
    Receipt,
    VoidOut,
    described,
    read,
)
from services.attendance.corrections import Act
from shared.access import CORRECT_RECORDS, DECLARE_OUTAGES, READ_AUDIT, READ_RECORDS, Principal
from shared.auth import Caller, require
from shared.dates import local_date
from shared.events.base import Date
from shared.http import traceparent_of
from shared.query import InstantParam
from shared.refusals import FieldError, Missing
from shared.service import Service, service_of

router = APIRouter(prefix="/attendance/v1")

Running = Annotated[Service, Depends(service_of)]
Corrector = Annotated[Principal, Depends(require(CORRECT_RECORDS))]
Superior = Annotated[Principal, Depends(require(READ_RECORDS))]
Declarer = Annotated[Principal, Depends(require(DECLARE_OUTAGES))]
Inspector = Annotated[Principal, Depends(require(READ_AUDIT))]
Limit = Annotated[int, Query(ge=1, le=views.PAGE)]


@router.post(
    "/corrections",
    status_code=201,
    responses={200: {"description": "The same correction had been made"}},
    openapi_extra=described(CORRECTION),
)
async def correct(request: Request, response: Response, who: Corrector, service: Running) -> Receipt | VoidOut:
    """Add a punch that you vouch for, or void one: for your own people, never for yourself."""
    given = await read(request, CORRECTION)
    act = Act(who, service.clock.now(), traceparent_of(request))
    async with service.db.transaction() as tx:
        if isinstance(given, ManualIn):
            recorded = await corrections.add_manual(tx, act, given)
            created, answer = recorded.created, Receipt.model_validate(recorded.row)
        else:
            void, created = await corrections.void(tx, act, given)
            answer = VoidOut.model_validate(void)
    response.status_code = 201 if created else 200
    return answer


@router.get("/people/{employee_id}/punches")
async def of_person(
    employee_id: UUID, who: Superior, service: Running, date: Date | None = None
) -> dict[str, Any]:
    """What is recorded of one of your people for a work date (today when left out)."""
    async with service.db.read() as tx:
        if await corrections.visible(tx, who, employee_id) is None:
            raise Missing("employee.not_yours", errors=[FieldError("employee_id", "employee.not_yours")])
    return await views.day(service, employee_id, date or local_date(service.clock.now()))


@router.post(
    "/outages",
    status_code=201,
    responses={200: {"model": OutageOut, "description": "The same outage had been declared"}},
    openapi_extra=described(OUTAGE),
)
async def declare(request: Request, response: Response, who: Declarer, service: Running) -> OutageOut:
    """Declare that the city's own systems failed, for a scope and an interval."""
    given = await read(request, OUTAGE)
    act = Act(who, service.clock.now(), traceparent_of(request))
    async with service.db.transaction() as tx:
        outage, created = await outages.declare(tx, act, given)
        answer = OutageOut.model_validate(outage)
    response.status_code = 201 if created else 200
    return answer


@router.put("/outages/{outage_id}", openapi_extra=described(OUTAGE_REVISION))
async def revise(outage_id: UUID, request: Request, who: Declarer, service: Running) -> OutageOut:
    """Replace an outage by a new revision of it, such as its real end."""
    given = await read(request, OUTAGE_REVISION)
    act = Act(who, service.clock.now(), traceparent_of(request))
    async with service.db.transaction() as tx:
        outage = await outages.revise(tx, act, outage_id, given)
        return OutageOut.model_validate(outage)


@router.post("/outages/{outage_id}/revocation", openapi_extra=described(REVOCATION))
async def revoke(outage_id: UUID, request: Request, who: Declarer, service: Running) -> OutageOut:
    """Take an outage back."""
    given = await read(request, REVOCATION)
    act = Act(who, service.clock.now(), traceparent_of(request))
    async with service.db.transaction() as tx:
        outage = await outages.revoke(tx, act, outage_id, given.reason)
        return OutageOut.model_validate(outage)


@router.get("/outages")
async def declared(
    _: Caller,
    service: Running,
    ends_from: InstantParam | None = None,
    limit: Limit = views.PAGE,
    cursor: str | None = None,
) -> dict[str, Any]:
    """Outages, the latest start first; everyone signed in may see what excuses whom."""
    return await views.outages(service, limit=limit, cursor=cursor, ends_from=ends_from)


@router.get("/audit")
async def log(
    _: Inspector, service: Running, limit: Limit = views.PAGE, cursor: str | None = None
) -> dict[str, Any]:
    """Who corrected whose record and who declared which outage, the newest first."""
    return await views.audit(service, limit=limit, cursor=cursor)
