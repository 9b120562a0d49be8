"""SQL of the policies, by version."""

from collections.abc import Sequence

from sqlalchemy import desc
from sqlmodel import col, select

from services.scheduling.domain.policies import Policy, PolicyIn, standing
from services.scheduling.store.tables import PolicyVersion
from shared.database import Tx


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
