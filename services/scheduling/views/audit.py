"""Who changed what."""

import datetime as dt

from services.scheduling.store import audit as store
from services.scheduling.views.answer import Answer, Json
from shared.database import Tx


class AuditRow(Answer):
    """`officer` did `action` to `subject` in that role, for that reason."""

    audit_id: int
    at: dt.datetime
    officer: str
    role: str | None
    action: str
    subject: str
    reason: str | None
    detail: Json


async def rows(tx: Tx, chosen: store.Chosen, before: int, limit: int) -> list[AuditRow]:
    """The newest rows older than `before`."""
    return [AuditRow.model_validate(dict(row)) for row in await store.page(tx, chosen, before, limit)]
