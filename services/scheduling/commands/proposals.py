"""The second officer's answer to a late change."""

import datetime as dt
from uuid import UUID

from services.scheduling.commands import absences, disowned, hours, plans, rules
from services.scheduling.commands.imports import file
from services.scheduling.store import directory
from services.scheduling.store import proposals as store
from services.scheduling.store.tables import Proposal
from shared import audit
from shared.access import Principal, employee_of
from shared.clock import Clock
from shared.database import Database, Tx
from shared.refusals import Conflict, Forbidden, or_missing


async def decide(
    db: Database, clock: Clock, who: Principal, proposal_id: UUID, *, approve: bool, reason: str | None = None
) -> Proposal:
    """Approve a proposal, which takes effect at once, or refuse it. Never one's own."""
    async with db.transaction() as tx:
        await directory.lock(tx)
        proposal = or_missing(await store.proposal(tx, proposal_id, lock=True))
        officer = employee_of(who)
        if officer == proposal.proposed_by and approve:
            raise Forbidden("proposal.own")
        if proposal.status != "open":
            raise Conflict("proposal.decided")
        now = clock.now()
        if approve:
            await _take_effect(tx, now, who, proposal)
        proposal.status = "approved" if approve else "refused"
        # One's own proposal can be taken back; the table keeps proposer and approver apart.
        proposal.decided_by = officer if officer != proposal.proposed_by else None
        proposal.decided_at, proposal.decision_reason = now, reason
        tx.session.add(proposal)
        await audit.add(
            tx,
            now,
            who,
            f"proposal.{proposal.status}",
            subject=proposal_id,
            reason=reason or proposal.reason,
            detail={
                "kind": proposal.kind,
                "person_days": proposal.person_days,
                "proposed_by": proposal.proposed_by,
                "proposed_at": proposal.proposed_at,
            },
        )
        return proposal


async def _take_effect(tx: Tx, now: dt.datetime, who: Principal, proposal: Proposal) -> None:
    match proposal.kind:
        case "rules":
            await rules.approve(tx, now, who, proposal)
        case "import":
            await file.approve(tx, now, proposal)
        case "hours":
            await hours.approve(tx, now, who, proposal)
        case "absence":
            await absences.approve(tx, now, proposal)
        case "disown" | "own":
            await disowned.approve(tx, now, who, proposal)
        case _:
            await plans.approve(tx, now, proposal.proposal_id)
