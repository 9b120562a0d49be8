"""Events that count as never sent, as they are read."""

import datetime as dt
from uuid import UUID

from services.scheduling.store import disowned as store
from services.scheduling.views.answer import Answer
from shared.database import Tx


class Disowned(Answer):
    """An event that counts as never sent, unless `revoked`."""

    ce_id: UUID
    topic: str
    revision: int
    disowned_at: dt.datetime
    disowned_by: str
    reason: str
    revoked: bool


async def listed(tx: Tx, after: UUID, limit: int) -> list[Disowned]:
    """Every event that was ever disowned, by id."""
    return [Disowned.model_validate(row) for row in await store.page(tx, after, limit)]
