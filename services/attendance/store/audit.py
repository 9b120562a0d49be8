"""The audit log."""

from collections.abc import Sequence

from sqlmodel import col, select

from services.attendance.store.tables import Audit
from shared.database import Tx


async def listed(tx: Tx, *, limit: int, before: int | None) -> Sequence[Audit]:
    """The newest entries first, from the one below `before`."""
    query = select(Audit).order_by(col(Audit.id).desc()).limit(limit)
    if before is not None:
        query = query.where(col(Audit.id) < before)
    return (await tx.session.exec(query)).all()
