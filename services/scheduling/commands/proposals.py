"""The second officer's answer to a change of past days."""

from typing import get_args
from uuid import UUID

from services.scheduling.commands import disowned, imports, plans, rules
from services.scheduling.domain.rules import RulesIn
from services.scheduling.models import Proposal
from services.scheduling.store import directory, governance
from shared.auth import Principal
from shared.clock import Clock
from shared.database import Database
from shared.http import Problem


async def decide(db: Database, clock: Clock, who: Principal, proposal_id: UUID, *, approve: bool) -> Proposal:
    """Approve a proposal, which takes effect at once, or refuse it. Never one's own."""
    async with db.transaction() as tx:
        await directory.lock(tx.connection)
        proposal = await governance.proposal(tx, proposal_id)
        if proposal is None:
            raise Problem(404, "not_found")
        if who.subject is None:
            raise Problem(403, "proposal.needs_person")
        if who.subject == proposal.proposed_by and approve:
            raise Problem(403, "proposal.own")
        if proposal.status != "open":
            raise Problem(409, "proposal.decided")
        now = clock.now()
        if approve and proposal.kind == "rules":
            given = RulesIn.model_validate(proposal.body)
            if await governance.rules(tx, given.rules_version) is not None:
                raise Problem(409, "proposal.version_exists", params={"version": given.rules_version})
            await rules.store(tx, now, who, given)
        elif approve and proposal.kind == "import":
            await imports.approve(tx, now, proposal)
        elif approve and proposal.kind in get_args(disowned.Kind):
            await disowned.approve(tx, now, who, proposal)
        elif approve:
            await plans.approve(tx, now, proposal_id)
        proposal.status = "approved" if approve else "refused"
        # One's own proposal can be taken back; the table keeps proposer and approver apart.
        proposal.decided_by = who.subject if who.subject != proposal.proposed_by else None
        proposal.decided_at = now
        tx.session.add(proposal)
        await plans.note(
            tx, now, who, f"proposal.{proposal.status}", subject=proposal_id, reason=proposal.reason or None
        )
        return proposal
