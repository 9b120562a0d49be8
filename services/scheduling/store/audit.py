"""SQL of the audit log: rows are only added."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.database import Tx

_ADD = """
    insert into audit (at, officer, role, action, subject, reason, detail)
    values ($1, $2, $3, $4, $5, $6, $7::jsonb)
"""
_READ = """
    select audit_id, at, officer, role, action, subject, reason, detail from audit
    where audit_id < $1 and ($2::text is null or subject = $2)
        and ($3::text is null or action = $3 or starts_with(action, $3 || '.'))
        and ($4::text is null or officer = $4)
        and ($5::timestamptz is null or at >= $5) and ($6::timestamptz is null or at < $6)
    order by audit_id desc limit $7
"""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which rows to show; each field narrows where it is given. `action` is one, or the first word of several."""

    subject: str | None = None
    action: str | None = None
    officer: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None


async def add(
    tx: Tx,
    now: dt.datetime,
    officer: str,
    role: str,
    action: str,
    *,
    subject: str,
    reason: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Note that `officer`, in that role, did `action` to `subject` (an id, never a NIP)."""
    body = json.dumps(detail or {}, default=str)
    await tx.connection.execute(_ADD, now, officer, role, action, subject, reason, body)


async def page(tx: Tx, chosen: Chosen, before: int, limit: int) -> Sequence[Any]:
    """The newest rows older than `before`."""
    return await tx.connection.fetch(
        _READ, before, chosen.subject, chosen.action, chosen.officer, chosen.since, chosen.until, limit
    )
