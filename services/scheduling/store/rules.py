"""SQL of the rules of judgement, by version."""

from collections.abc import Sequence

from sqlalchemy import desc
from sqlmodel import col, select

from services.scheduling.store.tables import Rules
from shared.database import Tx


async def rules(tx: Tx, version: str) -> Rules | None:
    return await tx.session.get(Rules, version)


async def all_rules(tx: Tx) -> Sequence[Rules]:
    """Every version, newest first."""
    query = select(Rules).order_by(desc(col(Rules.effective_from)), desc(col(Rules.rules_version)))
    return (await tx.session.exec(query)).all()
