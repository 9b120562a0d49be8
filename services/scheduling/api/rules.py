"""Versions of the rules, and the proposals of backdated changes."""

import datetime as dt
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from services.scheduling.commands import rules
from services.scheduling.domain.rules import RulesIn
from services.scheduling.domain.timetable import WIB
from services.scheduling.models import Proposal
from services.scheduling.store import governance
from shared.auth import Principal, principal, require
from shared.http import Problem, decode_cursor, encode_cursor, page
from shared.service import Service, service_of

router = APIRouter(prefix="/scheduling/v1", tags=["rules"])
Running = Annotated[Service, Depends(service_of)]
Officer = Annotated[Principal, Depends(require("bkpsdm"))]
PAGE = 1000


@router.get("/rules", dependencies=[Depends(principal)])
async def list_rules(service: Running) -> dict[str, Any]:
    """Every version, newest first."""
    async with service.db.read() as tx:
        rows = await governance.all_rules(tx)
    return page([row.model_dump(exclude={"created_by"}) for row in rows], None)


@router.post("/rules", status_code=201)
async def give_rules(given: RulesIn, service: Running, who: Officer, response: Response) -> dict[str, Any]:
    """Publish a version. One that alters past person-days waits for a second officer: 202 with the proposal."""
    result = await rules.give(service.db, service.clock, who, given)
    if result.proposal is not None:
        response.status_code = 202
        response.headers["Location"] = f"/scheduling/v1/proposals/{result.proposal.proposal_id}"
        return await proposal_view(service, result.proposal)
    assert result.row is not None  # noqa: S101 - there is a row where there is no proposal
    response.status_code = 201 if result.created else 200
    return result.row.model_dump(exclude={"created_by"})


async def proposal_view(service: Service, proposal: Proposal) -> dict[str, Any]:
    """A proposal and the first page of the person-days it alters."""
    return {**proposal.model_dump(), "items": (await _altered(service, proposal, None))["items"]}


async def _altered(service: Service, proposal: Proposal, cursor: str | None) -> dict[str, Any]:
    after = (dt.date.min, UUID(int=0))
    if cursor is not None:
        day, employee_id = decode_cursor(cursor, 2)
        after = dt.date.fromisoformat(day), UUID(employee_id)
    if proposal.kind != "rules":
        return page([], None)
    first = dt.date.fromisoformat(proposal.body["effective_from"])
    today = proposal.proposed_at.astimezone(WIB).date()
    async with service.db.read() as tx:
        before, _ = await governance.judged_days(tx, first, today)
        rows = await governance.judged_page(tx, first, before, after, PAGE)
    items = [{"employee_id": row[0], "work_date": row[1]} for row in rows]
    following = encode_cursor(items[-1]["work_date"], items[-1]["employee_id"]) if len(items) == PAGE else None
    return page(items, following)


async def _stored(service: Service, proposal_id: UUID) -> Proposal:
    async with service.db.transaction() as tx:
        proposal = await governance.proposal(tx, proposal_id)
    if proposal is None:
        raise Problem(404, "not_found")
    return proposal


@router.get("/proposals", dependencies=[Depends(require("bkpsdm", "auditor"))])
async def list_proposals(service: Running) -> dict[str, Any]:
    """Changes of the past, waiting or decided."""
    async with service.db.read() as tx:
        return page([row.model_dump() for row in await governance.proposals(tx)], None)


@router.get("/proposals/{proposal_id}/person-days", dependencies=[Depends(require("bkpsdm", "auditor"))])
async def list_person_days(proposal_id: UUID, service: Running, cursor: str | None = None) -> dict[str, Any]:
    """Every person-day that the proposal alters."""
    return await _altered(service, await _stored(service, proposal_id), cursor)


@router.post("/proposals/{proposal_id}/approve")
async def approve(proposal_id: UUID, service: Running, who: Officer) -> dict[str, Any]:
    """The second officer's yes."""
    return (await rules.approve(service.db, service.clock, who, proposal_id)).model_dump()
