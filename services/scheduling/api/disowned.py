"""Events that count as never sent."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.scheduling.commands import disowned
from services.scheduling.domain.disowned import DisownedIn, RevocationIn
from services.scheduling.store import disowned as disowned_store
from services.scheduling.views.proposals import proposal_view
from shared.access import GOVERN, Principal
from shared.auth import principal, require
from shared.cursors import encode_cursor, read_id_cursor
from shared.http import page
from shared.service import Service, service_of

router = APIRouter(prefix="/scheduling/v1/disowned", tags=["disowned"])
Running = Annotated[Service, Depends(service_of)]
Officer = Annotated[Principal, Depends(require(GOVERN))]
PAGE = 1000


@router.get("", dependencies=[Depends(principal)])
async def list_disowned(
    service: Running, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=PAGE)] = PAGE
) -> dict[str, Any]:
    """Every event that was ever disowned, by id; `revoked` ones count again. As public as the topic."""
    after = read_id_cursor(cursor)
    async with service.db.read() as tx:
        rows = [row.model_dump() for row in await disowned_store.page(tx, after, limit + 1)]
    following = encode_cursor(rows[limit - 1]["ce_id"]) if len(rows) > limit else None
    return page(rows[:limit], following)


@router.post("", status_code=202)
async def disown(given: DisownedIn, service: Running, who: Officer, response: Response) -> dict[str, Any]:
    """Propose that an event counts as never sent: 202 with the proposal, which another officer approves."""
    return await _answer(service, response, await disowned.disown(service.db, service.clock, who, given))


@router.post("/{ce_id}/revoke", status_code=202)
async def revoke(
    ce_id: UUID, service: Running, who: Officer, response: Response, given: RevocationIn | None = None
) -> dict[str, Any]:
    """Propose that a disowned event counts again: 202 with the proposal, which another officer approves."""
    made = await disowned.own(service.db, service.clock, who, ce_id, given or RevocationIn())
    return await _answer(service, response, made)


async def _answer(service: Service, response: Response, made: disowned.Proposed) -> dict[str, Any]:
    response.headers["Location"] = f"/scheduling/v1/proposals/{made.proposal.proposal_id}"
    return await proposal_view(service, made.proposal)
