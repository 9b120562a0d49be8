"""SQL of the events that count as never sent."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import col, select

from services.scheduling.store.tables import Disowned, Proposal
from shared.database import Tx


async def disowned(tx: Tx, ce_id: UUID) -> Disowned | None:
    """What was said about an event, held until the transaction ends."""
    return await tx.session.get(Disowned, ce_id, with_for_update=True)


async def page(tx: Tx, after: UUID, limit: int) -> Sequence[Disowned]:
    """Every event that was ever disowned, revoked or not, by id."""
    query = select(Disowned).where(col(Disowned.ce_id) > after).order_by(col(Disowned.ce_id)).limit(limit)
    return (await tx.session.exec(query)).all()


async def proposed(tx: Tx, kind: str, ce_id: UUID) -> Proposal | None:
    """The proposal about an event that waits for a second officer."""
    query = select(Proposal).where(
        col(Proposal.kind) == kind,
        col(Proposal.status) == "open",
        col(Proposal.body)["ce_id"].astext == str(ce_id),
    )
    return (await tx.session.exec(query)).first()


async def put(tx: Tx, row: Disowned) -> Disowned:
    """Write what is said about an event, over what was said before."""
    merged = await tx.session.merge(row)
    await tx.session.flush()
    return merged
