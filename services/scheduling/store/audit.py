"""SQL of the audit log: rows are only added."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

_ADD = "insert into audit (at, officer, action, subject, reason, detail) values ($1, $2, $3, $4, $5, $6::jsonb)"
_READ = """
    select audit_id, at, officer, action, subject, reason, detail from audit
    where audit_id < $1 order by audit_id desc limit $2
"""


async def add(
    connection: asyncpg.Connection,
    now: dt.datetime,
    officer: str,
    action: str,
    *,
    subject: str,
    reason: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Note that `officer` did `action` to `subject` (an id, never a NIP)."""
    await connection.execute(_ADD, now, officer, action, subject, reason, json.dumps(detail or {}, default=str))


async def page(connection: asyncpg.Connection, before: int, limit: int) -> Sequence[Any]:
    """The newest rows older than `before`."""
    return await connection.fetch(_READ, before, limit)
