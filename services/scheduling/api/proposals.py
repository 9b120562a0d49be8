"""Late changes, which wait for a second officer; and the audit log."""

import datetime as dt
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from services.scheduling.commands import proposals
from services.scheduling.store import audit
from services.scheduling.store import proposals as proposals_store
from services.scheduling.store.tables import Proposal
from services.scheduling.views.proposals import PAGE, altered, proposal_view
from shared.access import GOVERN, READ_AUDIT, READ_PROPOSALS, Principal, only_opd
from shared.auth import require
from shared.cursors import encode_cursor, read_cursor
from shared.dates import midnight
from shared.events.base import Date
from shared.http import page
from shared.refusals import Missing
from shared.service import Service, service_of

router = APIRouter(prefix="/scheduling/v1", tags=["proposals"])
Running = Annotated[Service, Depends(service_of)]
Officer = Annotated[Principal, Depends(require(GOVERN))]
Reader = Annotated[Principal, Depends(require(READ_PROPOSALS))]


class DecisionIn(BaseModel):
    """Why the second officer decides so; kept with the proposal and in the audit."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=3, max_length=500)] | None = None


def _may_read(who: Principal, proposal: Proposal | None) -> Proposal:
    """404 for what an OPD admin has not proposed themselves."""
    if proposal is None or (only_opd(who) is not None and proposal.proposed_by != who.subject):
        raise Missing("not_found")
    return proposal


@router.get("/proposals")
async def list_proposals(
    service: Running,
    who: Reader,
    status: Literal["open", "approved", "refused"] | None = None,
    cursor: str | None = None,
) -> dict[str, Any]:
    """Late changes, waiting or decided, newest first; an OPD admin sees those that they proposed."""
    before = read_cursor(cursor, dt.datetime, UUID) if cursor else None
    proposer = (who.subject or UUID(int=0)) if only_opd(who) is not None else None
    async with service.db.read() as tx:
        rows = await proposals_store.proposals(tx, proposals_store.Chosen(status, proposer), before, PAGE)
    following = encode_cursor(rows[-1].proposed_at, rows[-1].proposal_id) if len(rows) == PAGE else None
    return page([row.model_dump() for row in rows], following)


@router.get("/proposals/{proposal_id}")
async def read_proposal(proposal_id: UUID, service: Running, who: Reader) -> dict[str, Any]:
    """One proposal, with the first page of its person-days before and after."""
    async with service.db.transaction() as tx:
        proposal = _may_read(who, await proposals_store.proposal(tx, proposal_id))
    return await proposal_view(service, proposal)


@router.get("/proposals/{proposal_id}/person-days")
async def list_person_days(
    proposal_id: UUID, service: Running, who: Reader, cursor: str | None = None
) -> dict[str, Any]:
    """Every person-day that the proposal alters."""
    async with service.db.transaction() as tx:
        _may_read(who, await proposals_store.proposal(tx, proposal_id))
    return await altered(service, proposal_id, cursor)


@router.post("/proposals/{proposal_id}/approve")
async def approve(
    proposal_id: UUID, service: Running, who: Officer, given: DecisionIn | None = None
) -> dict[str, Any]:
    """The second officer's yes: the change takes effect."""
    decided = await proposals.decide(
        service.db, service.clock, who, proposal_id, approve=True, reason=given and given.reason
    )
    return decided.model_dump()


@router.post("/proposals/{proposal_id}/refuse")
async def refuse(
    proposal_id: UUID, service: Running, who: Officer, given: DecisionIn | None = None
) -> dict[str, Any]:
    """A no, or the proposer's own withdrawal."""
    decided = await proposals.decide(
        service.db, service.clock, who, proposal_id, approve=False, reason=given and given.reason
    )
    return decided.model_dump()


class AuditQuery(BaseModel):
    """Which rows of the audit to show. `action` is one, or the first word of several, such as `proposal`."""

    subject: str | None = None
    action: str | None = None
    officer: str | None = None
    first: Annotated[Date | None, Field(alias="from")] = None
    last: Annotated[Date | None, Field(alias="to")] = None
    cursor: str | None = None

    def chosen(self) -> audit.Chosen:
        since = self.first and midnight(self.first)
        until = self.last and midnight(self.last) + dt.timedelta(1)
        return audit.Chosen(self.subject, self.action, self.officer, since, until)


@router.get("/audit", dependencies=[Depends(require(READ_AUDIT))])
async def read_audit(service: Running, given: Annotated[AuditQuery, Query()]) -> dict[str, Any]:
    """Who changed what, newest first: by subject, officer, action, or local dates, both included."""
    before: int = read_cursor(given.cursor, int)[0] if given.cursor else 2**62
    async with service.db.read() as tx:
        rows = await audit.page(tx, given.chosen(), before, PAGE)
    following = encode_cursor(rows[-1]["audit_id"]) if len(rows) == PAGE else None
    return page([dict(row) for row in rows], following)
