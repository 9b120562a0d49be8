"""Who decided what: one kind of table in every service that decides something, and one vocabulary.

Rows are only added; a trigger refuses anything else. Written in the transaction of what they tell.
"""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, JsonValue

from shared.access import Principal, employee_of
from shared.database import Tx

VERBS: Mapping[str, tuple[str, ...]] = {
    # all that read events
    "dead_letter": ("replayed", "dropped"),
    # attendance and scheduling
    "request": ("asked", "granted", "refused", "withdrawn"),
    # attendance
    "flag": ("vouched", "dismissed", "unproven"),
    "network": ("set", "removed"),
    "outage": ("declare", "revise", "revoke"),
    "punch": ("manual", "void"),
    "terminal": ("registered", "altered", "pins", "file", "replayed", "dismissed", "stranger"),
    # notifications
    "call": ("asked", "answered"),
    "delivery": ("replayed", "dropped"),
    "message_rule": ("set", "shipped"),
    # reporting
    "allowance": ("given",),
    "catalogue": ("imported",),
    "demand": ("imported", "set"),
    "pilot": ("registered", "amended"),
    "report": ("accepted", "returned"),
    "sample": ("found",),
    "targets": ("set",),
    # notifications
    "subscription": (
        "added",
        "altered",
        "started",
        "stopped",
        "removed",
        "secret_made",
        "secret_retired",
        "followed",
        "tried",
    ),
    # scheduling
    "absence": ("added", "amended", "ended"),
    "acting": ("given", "ended"),
    "apart": ("named",),
    "calendar": ("opened", "closed"),
    "directory": ("published",),
    "disown": ("proposed",),
    "employee": ("erased",),
    "hours": ("given", "withdrawn"),
    "import": ("opds", "units", "requirements", "employees", "holidays", "leave", "duty_travel"),
    "own": ("proposed",),
    "plans": ("settled",),
    "policy": ("given", "withdrawn"),
    "posting": ("transfer", "departure", "post", "discipline", "cancelled"),
    "proposal": ("made", "approved", "refused"),
    "readiness": ("assessed", "weights"),
    "record": ("disowned", "owned"),
    "request_kind": ("set",),
    "remote_places": ("set",),
    "roster": ("begun", "published", "failed"),
    "rules": ("given",),
    "swap": ("asked", "agreed", "approved", "refused"),
    "wish": ("given", "dropped"),
}
"""An action is `<capability>.<verb>`; there are no others."""

ACTIONS = frozenset(f"{capability}.{verb}" for capability, verbs in VERBS.items() for verb in verbs)

ITSELF = "system"
"""In the place of an officer: the service itself."""

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


class AuditRow(BaseModel, frozen=True):
    """`officer` did `action` to `subject` in that role, for that reason."""

    audit_id: int
    at: dt.datetime
    officer: str
    role: str | None
    """Null in rows of scheduling from before it was written."""
    action: str
    subject: str
    reason: str | None
    detail: dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which entries to show; each field narrows where it is given. `action` is one, or a capability."""

    subject: str | None = None
    action: str | None = None
    officer: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None


async def add(
    tx: Tx,
    now: dt.datetime,
    who: Principal | None,
    action: str,
    *,
    subject: object,
    reason: str | None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Note that `who` did `action` to `subject` (an id, never a NIP); `detail` says what exactly.

    `who` is None where the service itself noticed something that officers have to decide on.
    Raises ValueError for an action that is not in the vocabulary, Forbidden for an office account.
    """
    if action not in ACTIONS:
        raise ValueError(f"{action} is no action of shared/audit.py")
    body = json.dumps(detail or {}, default=str)
    officer, role = (ITSELF, ITSELF) if who is None else (str(employee_of(who)), who.role)
    await tx.connection.execute(_ADD, now, officer, role, action, str(subject), reason, body)


async def entries(tx: Tx, chosen: Chosen, *, before: int, limit: int) -> list[AuditRow]:
    """The newest entries below `before`."""
    rows = await tx.connection.fetch(
        _READ, before, chosen.subject, chosen.action, chosen.officer, chosen.since, chosen.until, limit
    )
    return [AuditRow.model_validate(dict(row)) for row in rows]
