"""SQL of rules, policies, rosters and proposals."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import desc, tuple_
from sqlmodel import col, select

from services.scheduling.domain.policies import Policy, PolicyIn, standing
from services.scheduling.models import PolicyVersion, Proposal, Roster, Rules
from shared.database import Tx


async def rules(tx: Tx, version: str) -> Rules | None:
    return await tx.session.get(Rules, version)


async def all_rules(tx: Tx) -> Sequence[Rules]:
    """Every version, newest first."""
    query = select(Rules).order_by(desc(col(Rules.effective_from)), desc(col(Rules.rules_version)))
    return (await tx.session.exec(query)).all()


async def add(tx: Tx, row: Rules | PolicyVersion | Roster | Proposal) -> None:
    tx.session.add(row)
    await tx.session.flush()


async def policy_versions(tx: Tx, policy_id: str | None = None) -> Sequence[PolicyVersion]:
    """Versions of one policy or of all, by id, newest first."""
    query = select(PolicyVersion).order_by(col(PolicyVersion.policy_id), desc(col(PolicyVersion.version)))
    if policy_id is not None:
        query = query.where(PolicyVersion.policy_id == policy_id)
    return (await tx.session.exec(query)).all()


async def current_policies(tx: Tx) -> list[Policy]:
    """What holds when: the versions of every policy, each until the next one starts or withdraws it."""
    rows = sorted(await policy_versions(tx), key=lambda row: (row.policy_id, row.version))
    return standing(
        [
            (
                Policy(row.policy_id, row.version, PolicyIn.model_validate(row.body)),
                row.effective_from if row.withdrawn else None,
            )
            for row in rows
        ]
    )


async def roster(tx: Tx, roster_id: UUID) -> Roster | None:
    return await tx.session.get(Roster, roster_id)


async def proposal(tx: Tx, proposal_id: UUID) -> Proposal | None:
    return await tx.session.get(Proposal, proposal_id, with_for_update=True)


async def proposed_rules(tx: Tx, version: str) -> Proposal | None:
    """The proposal of this version of the rules that waits for a second officer."""
    query = (
        select(Proposal)
        .where(Proposal.kind == "rules", Proposal.status == "open")
        .order_by(col(Proposal.proposed_at))
    )
    rows = (await tx.session.exec(query)).all()
    return next((row for row in rows if row.body["rules_version"] == version), None)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which proposals to show; each field narrows where it is given."""

    status: str | None = None
    proposed_by: UUID | None = None


async def proposals(
    tx: Tx, chosen: Chosen, before: tuple[dt.datetime, UUID] | None, limit: int
) -> Sequence[Proposal]:
    """Proposals, newest first, older than `before`."""
    query = (
        select(Proposal).order_by(desc(col(Proposal.proposed_at)), desc(col(Proposal.proposal_id))).limit(limit)
    )
    if chosen.status is not None:
        query = query.where(Proposal.status == chosen.status)
    if chosen.proposed_by is not None:
        query = query.where(Proposal.proposed_by == chosen.proposed_by)
    if before is not None:
        query = query.where(tuple_(col(Proposal.proposed_at), col(Proposal.proposal_id)) < before)
    return (await tx.session.exec(query)).all()
