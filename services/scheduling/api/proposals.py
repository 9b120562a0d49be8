"""Changes of the past, which wait for a second officer."""

import datetime as dt
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends

from services.scheduling.commands import proposals
from services.scheduling.domain.timetable import WIB
from services.scheduling.models import Proposal
from services.scheduling.store import audit, governance
from services.scheduling.store.rosters import proposal_days
from shared.auth import Principal, require
from shared.cursors import encode_cursor, read_cursor
from shared.http import Problem, page
from shared.service import Service, service_of

router = APIRouter(prefix="/scheduling/v1", tags=["proposals"])
Running = Annotated[Service, Depends(service_of)]
Officer = Annotated[Principal, Depends(require("bkpsdm"))]
READERS = [Depends(require("bkpsdm", "auditor"))]
PAGE = 1000


async def proposal_view(service: Service, proposal: Proposal) -> dict[str, Any]:
    """A proposal and the first page of the person-days it alters."""
    return {**proposal.model_dump(), "items": (await _altered(service, proposal, None))["items"]}


async def _altered(service: Service, proposal: Proposal, cursor: str | None) -> dict[str, Any]:
    after = (dt.date.min, UUID(int=0))
    if cursor:
        day, employee_id = read_cursor(cursor, dt.date, UUID)
        after = day, employee_id
    async with service.db.read() as tx:
        if proposal.kind != "rules":
            rows = await proposal_days(tx.connection, proposal.proposal_id, after, PAGE)
            items = [
                {
                    "employee_id": row["employee_id"],
                    "work_date": row["work_date"],
                    "old_mode": row["old_mode"],
                    "new_mode": row["row"]["mode"],
                }
                for row in rows
            ]
        else:
            first = dt.date.fromisoformat(proposal.body["effective_from"])
            today = proposal.proposed_at.astimezone(WIB).date()
            before, _ = await governance.judged_days(tx, first, today)
            rows = await governance.judged_page(tx, first, before, after, PAGE)
            items = [{"employee_id": row[0], "work_date": row[1]} for row in rows]
    following = encode_cursor(items[-1]["work_date"], items[-1]["employee_id"]) if len(items) == PAGE else None
    return page(items, following)


@router.get("/proposals", dependencies=READERS)
async def list_proposals(service: Running) -> dict[str, Any]:
    """Changes of the past, waiting or decided, newest first."""
    async with service.db.read() as tx:
        return page([row.model_dump() for row in await governance.proposals(tx)], None)


@router.get("/proposals/{proposal_id}/person-days", dependencies=READERS)
async def list_person_days(proposal_id: UUID, service: Running, cursor: str | None = None) -> dict[str, Any]:
    """Every person-day that the proposal alters."""
    async with service.db.transaction() as tx:
        proposal = await governance.proposal(tx, proposal_id)
    if proposal is None:
        raise Problem(404, "not_found")
    return await _altered(service, proposal, cursor)


@router.post("/proposals/{proposal_id}/approve")
async def approve(proposal_id: UUID, service: Running, who: Officer) -> dict[str, Any]:
    """The second officer's yes: the change takes effect."""
    decided = await proposals.decide(service.db, service.clock, who, proposal_id, approve=True)
    return decided.model_dump()


@router.post("/proposals/{proposal_id}/refuse")
async def refuse(proposal_id: UUID, service: Running, who: Officer) -> dict[str, Any]:
    """A no, or the proposer's own withdrawal."""
    decided = await proposals.decide(service.db, service.clock, who, proposal_id, approve=False)
    return decided.model_dump()


@router.get("/audit", dependencies=READERS)
async def read_audit(service: Running, cursor: str | None = None) -> dict[str, Any]:
    """Who changed what, newest first."""
    before: int = read_cursor(cursor, int)[0] if cursor else 2**62
    async with service.db.read() as tx:
        rows = await audit.page(tx.connection, before, PAGE)
    following = encode_cursor(rows[-1]["audit_id"]) if len(rows) == PAGE else None
    return page([dict(row) for row in rows], following)
