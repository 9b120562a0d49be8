"""Late changes, which wait for a second officer."""

import datetime as dt
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from services.scheduling.api.doors import Body, Running
from services.scheduling.commands import proposals as commands
from services.scheduling.views import proposals as views
from services.scheduling.views.proposals import PAGE, PersonDay, Proposal, ProposalInFull
from shared.access import GOVERN, READ_PROPOSALS, Principal
from shared.auth import require
from shared.cursors import Page, cut, read_cursor

router = APIRouter(prefix="/scheduling/v1/proposals", tags=["proposals"])
Officer = Annotated[Principal, Depends(require(GOVERN))]
Reader = Annotated[Principal, Depends(require(READ_PROPOSALS))]


class DecisionIn(Body):
    """Why the second officer decides so; kept with the proposal and in the audit."""

    reason: Annotated[str, Field(min_length=3, max_length=500)] | None = None


@router.get("")
async def list_proposals(
    service: Running,
    who: Reader,
    status: Literal["open", "approved", "refused"] | None = None,
    cursor: str | None = None,
) -> Page[Proposal]:
    """Late changes, waiting or decided, newest first; an OPD admin sees those that they proposed."""
    before = read_cursor(cursor, dt.datetime, UUID) if cursor else None
    async with service.db.read() as tx:
        proposals = await views.listed(tx, who, status, before, PAGE + 1)
    return cut(proposals, PAGE, lambda proposal: (proposal.proposed_at, proposal.proposal_id))


@router.get("/{proposal_id}")
async def read_proposal(proposal_id: UUID, service: Running, who: Reader) -> ProposalInFull:
    """One proposal, with the first page of its person-days before and after."""
    async with service.db.read() as tx:
        await views.check_readable(tx, who, proposal_id)
        return await views.in_full(tx, proposal_id)


@router.get("/{proposal_id}/person-days")
async def list_person_days(
    proposal_id: UUID, service: Running, who: Reader, cursor: str | None = None
) -> Page[PersonDay]:
    """Every person-day that the proposal alters."""
    after = read_cursor(cursor, dt.date, UUID) if cursor else views.START
    async with service.db.read() as tx:
        await views.check_readable(tx, who, proposal_id)
        days = await views.person_days(tx, proposal_id, after, PAGE + 1)
    return cut(days, PAGE, lambda day: (day.work_date, day.employee_id))


@router.post("/{proposal_id}/approve")
async def approve(proposal_id: UUID, service: Running, who: Officer, given: DecisionIn | None = None) -> Proposal:
    """The second officer's yes: the change takes effect."""
    reason = given and given.reason
    decided = await commands.decide(service.db, service.clock, who, proposal_id, approve=True, reason=reason)
    return Proposal.model_validate(decided)


@router.post("/{proposal_id}/refuse")
async def refuse(proposal_id: UUID, service: Running, who: Officer, given: DecisionIn | None = None) -> Proposal:
    """A no, or the proposer's own withdrawal."""
    reason = given and given.reason
    decided = await commands.decide(service.db, service.clock, who, proposal_id, approve=False, reason=reason)
    return Proposal.model_validate(decided)


async def waiting(service: Running, response: Response, proposal_id: UUID) -> ProposalInFull:
    """The answer of a door whose change waits for a second officer: 202, and where the proposal is."""
    response.status_code = 202
    response.headers["Location"] = f"{router.prefix}/{proposal_id}"
    async with service.db.read() as tx:
        return await views.in_full(tx, proposal_id)
