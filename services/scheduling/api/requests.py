"""What staff ask for of their own plans, the decisions on it, and what the city lets them ask for."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from services.scheduling.api.changes import ShortIn
from services.scheduling.api.doors import Body, Running
from services.scheduling.commands import requests as commands
from services.scheduling.domain.requests import ASKED_TAGS, REQUEST, AskedKind, KindRule
from services.scheduling.views import absences as absences_views
from services.scheduling.views import requests as views
from services.scheduling.views.absences import Absence
from services.scheduling.views.requests import AskableKind, Decided
from shared.access import GOVERN, Principal
from shared.auth import Caller, Employee, require
from shared.bodies import described, read
from shared.cursors import Page
from shared.dates import local_date
from shared.personal import Reason
from shared.request_doors import Decider
from shared.requests import Request as Asked
from shared.requests import earliest

router = APIRouter(prefix="/scheduling/v1", tags=["requests"])
Officer = Annotated[Principal, Depends(require(GOVERN))]


class KindIn(KindRule):
    """Who may ask for a kind, and why so from now on."""

    reason: Reason


class DecisionIn(ShortIn):
    """`recall` and `override` are for a grant that would take a counter below its minimum."""

    decision: Literal["granted", "refused"]
    reason: Reason


class WithdrawalIn(Body):
    reason: Reason | None = None


@router.get("/request-kinds")
async def list_kinds(who: Caller, service: Running) -> Page[AskableKind]:
    """What the city lets people ask for, and whether you may."""
    async with service.db.read() as tx:
        return Page(items=await views.kinds(tx, who.subject))


@router.put("/request-kinds/{kind}")
async def set_kind(kind: AskedKind, given: KindIn, service: Running, who: Officer) -> AskableKind:
    """Say who may ask for a kind from now on."""
    rule = KindRule(employment=given.employment, opd_codes=given.opd_codes)
    return await commands.set_kind(service.db, service.clock, who, kind, rule, reason=given.reason)


@router.get("/me/absences")
async def my_absences(me: Employee, service: Running) -> Page[Absence]:
    """Your absences that may still be amended, by date."""
    settings = service.settings
    first = earliest(local_date(service.clock.now()), settings.request_days, settings.month_closes_on)
    async with service.db.read() as tx:
        return Page(items=await absences_views.mine(tx, me, first))


@router.post(
    "/requests",
    status_code=201,
    responses={200: {"model": Asked, "description": "The same had been asked for"}},
    openapi_extra=described(REQUEST),
)
async def ask(request: Request, service: Running, who: Caller, response: Response) -> Asked:
    """Ask for a leave, a trip, or other dates of an absence of yours; your superior or their deputy decides."""
    given = await read(request, REQUEST, tags=ASKED_TAGS)
    settings = service.settings
    asked, created = await commands.ask(
        service.db,
        service.clock,
        who,
        given,
        days=settings.request_days,
        closes_on=settings.month_closes_on,
    )
    response.status_code = 201 if created else 200
    return asked


@router.post("/requests/{request_id}/decision")
async def decide(request_id: UUID, given: DecisionIn, service: Running, who: Decider) -> Decided:
    """Grant a request, which changes plans at once, or refuse it; never your own. The first one stands.

    409 with substitutes when a counter would fall below its minimum. What is late waits (`change.proposal`).
    """
    ruling = commands.Ruling(given.decision, given.terms_for(given.reason))
    return await commands.decide(service.db, service.clock, who, request_id, ruling)


@router.post("/requests/{request_id}/withdrawal")
async def withdraw(request_id: UUID, service: Running, who: Caller, given: WithdrawalIn | None = None) -> Asked:
    """Take back your own request while nobody has decided on it. The body may be left out."""
    reason = given.reason if given else None
    return await commands.withdraw(service.db, service.clock, who, request_id, reason)
