"""Versions of the rules of judgement."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from services.scheduling.api.doors import Running, or_waits
from services.scheduling.api.proposals import waiting
from services.scheduling.commands import rules as commands
from services.scheduling.domain.rules import RulesIn
from services.scheduling.views import rules as views
from services.scheduling.views.proposals import ProposalInFull
from services.scheduling.views.rules import Rules
from shared.access import GOVERN, Principal
from shared.auth import principal, require
from shared.cursors import Page

router = APIRouter(prefix="/scheduling/v1/rules", tags=["rules"])
Officer = Annotated[Principal, Depends(require(GOVERN))]


@router.get("", dependencies=[Depends(principal)])
async def list_rules(service: Running) -> Page[Rules]:
    """Every version, newest first."""
    async with service.db.read() as tx:
        return Page(items=await views.listed(tx))


@router.post("", status_code=201, responses={200: {"model": Rules}} | or_waits(ProposalInFull))
async def give_rules(
    given: RulesIn,
    service: Running,
    who: Officer,
    response: Response,
    reason: Annotated[str | None, Query(min_length=3, max_length=500)] = None,
) -> Rules | ProposalInFull:
    """Publish a version. One that alters person-days that are over or have begun waits for a second officer: 202
    with the proposal, its list, and in `alone_from` the date from which it could hold without one."""
    version = await commands.give(service.db, service.clock, who, given, reason=reason)
    if isinstance(version, commands.Waiting):
        return await waiting(service, response, version.proposal.proposal_id)
    response.status_code = 201 if version.created else 200
    return Rules.model_validate(version.row)
