"""Versions of the rules of judgement."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from services.scheduling.commands import rules
from services.scheduling.domain.rules import RulesIn
from services.scheduling.store import rules as rules_store
from services.scheduling.views.proposals import proposal_view
from shared.access import GOVERN, Principal
from shared.auth import principal, require
from shared.http import page
from shared.service import Service, service_of

router = APIRouter(prefix="/scheduling/v1/rules", tags=["rules"])
Running = Annotated[Service, Depends(service_of)]
Officer = Annotated[Principal, Depends(require(GOVERN))]


@router.get("", dependencies=[Depends(principal)])
async def list_rules(service: Running) -> dict[str, Any]:
    """Every version, newest first."""
    async with service.db.read() as tx:
        rows = await rules_store.all_rules(tx)
    return page([row.model_dump(exclude={"created_by"}) for row in rows], None)


@router.post("", status_code=201)
async def give_rules(
    given: RulesIn,
    service: Running,
    who: Officer,
    response: Response,
    reason: Annotated[str | None, Query(min_length=3, max_length=500)] = None,
) -> dict[str, Any]:
    """Publish a version. One that alters person-days that are over or have begun waits for a second officer: 202
    with the proposal, its list, and in `alone_from` the date from which it could hold without one."""
    result = await rules.give(service.db, service.clock, who, given, reason=reason)
    if result.proposal is not None:
        response.status_code = 202
        response.headers["Location"] = f"/scheduling/v1/proposals/{result.proposal.proposal_id}"
        return await proposal_view(service, result.proposal)
    assert result.row is not None  # noqa: S101 - there is a row where there is no proposal
    response.status_code = 201 if result.created else 200
    return result.row.model_dump(exclude={"created_by"})
