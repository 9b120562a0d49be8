"""Events that count as never sent."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from services.scheduling.api.doors import Running
from services.scheduling.api.proposals import waiting
from services.scheduling.commands import disowned as commands
from services.scheduling.domain.disowned import DisownedIn, RevocationIn
from services.scheduling.views import disowned as views
from services.scheduling.views.disowned import Disowned
from services.scheduling.views.proposals import ProposalInFull
from shared.access import GOVERN, Principal
from shared.auth import principal, require
from shared.cursors import Limit, Page, cut, read_id_cursor

router = APIRouter(prefix="/scheduling/v1/disowned", tags=["disowned"])
Officer = Annotated[Principal, Depends(require(GOVERN))]
PAGE = 1000


@router.get("", dependencies=[Depends(principal)])
async def list_disowned(service: Running, cursor: str | None = None, limit: Limit = PAGE) -> Page[Disowned]:
    """Every event that was ever disowned, by id; `revoked` ones count again. As public as the topic."""
    async with service.db.read() as tx:
        rows = await views.listed(tx, read_id_cursor(cursor), limit + 1)
    return cut(rows, limit, lambda row: (row.ce_id,))


@router.post("", status_code=202)
async def disown(given: DisownedIn, service: Running, who: Officer, response: Response) -> ProposalInFull:
    """Propose that an event counts as never sent: 202 with the proposal, which another officer approves."""
    proposal = await commands.disown(service.db, service.clock, who, given)
    return await waiting(service, response, proposal.proposal_id)


@router.post("/{ce_id}/revoke", status_code=202)
async def revoke(
    ce_id: UUID, service: Running, who: Officer, response: Response, given: RevocationIn | None = None
) -> ProposalInFull:
    """Propose that a disowned event counts again: 202 with the proposal, which another officer approves."""
    proposal = await commands.own(service.db, service.clock, who, ce_id, given or RevocationIn())
    return await waiting(service, response, proposal.proposal_id)
