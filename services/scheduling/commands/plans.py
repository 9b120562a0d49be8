"""Writing plans: every way to a changed plan ends here.

Days from today on are written and published at once. A past day is never rewritten silently: the change becomes
a proposal that lists the person-days, and a second officer lets it take effect.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from services.scheduling.commands import publish
from services.scheduling.commands.officer import officer_name
from services.scheduling.domain.planning import public_reason
from services.scheduling.domain.timetable import WIB
from services.scheduling.models import Proposal
from services.scheduling.store import audit, governance, rosters
from services.scheduling.store.rosters import PlanRow
from shared.auth import Principal
from shared.clock import Clock
from shared.database import Database, Tx
from shared.events import ScheduleChanged
from shared.http import FieldError, Problem

PART = 2_000
"""Plans written and published at a time: some 10 ms between two looks at the event loop."""


def today(clock: Clock) -> dt.date:
    """The local date."""
    return clock.now().astimezone(WIB).date()


async def write(tx: Tx, now: dt.datetime, rows: Iterable[PlanRow], *, pinned: bool = False) -> int:
    """Write what differs and publish it with `tx`, which holds `directory.lock`. Returns how many changed.

    The event says of a person's own reasons only that there is one; the true one stays with the plan.
    """
    changed = await rosters.merge(tx.connection, rows, now, pinned=pinned)
    events = (ScheduleChanged.model_validate(without_personal_reason(row)) for row in changed)
    return await publish.send(tx, events, now)


def without_personal_reason(row: Mapping[str, Any]) -> dict[str, Any]:
    """A plan as those read it who may not know what a reason says about the person."""
    return {**row, "reason": public_reason(row["reason"])}


def _parts(rows: Iterable[PlanRow]) -> Iterator[list[PlanRow]]:
    part: list[PlanRow] = []
    for row in rows:
        part.append(row)
        if len(part) == PART:
            yield part
            part = []
    if part:
        yield part


async def write_parts(tx: Tx, now: dt.datetime, rows: Iterable[PlanRow]) -> int:
    """`write` for any number of rows, some thousands at a time. Returns how many changed."""
    changed = 0
    for part in _parts(rows):
        changed += await write(tx, now, part)
    return changed


async def count_changes(db: Database, rows: Iterable[PlanRow]) -> int:
    """How many plans `write` would change."""
    count = 0
    async with db.read() as tx:
        for part in _parts(rows):
            count += await rosters.change_count(tx.connection, part)
    return count


async def propose(
    tx: Tx, now: dt.datetime, who: Principal, rows: Iterable[PlanRow], *, reason: str | None
) -> Proposal | None:
    """A proposal of the changes among `rows`, all of past days; None if they change nothing.

    422 without a reason, 403 for an office account: two named officers answer for it.
    """
    altered: list[Any] = []
    for part in _parts(rows):
        altered.extend(await rosters.changes(tx.connection, part))
    if not altered:
        return None
    body = {"from": str(altered[0]["work_date"]), "to": str(altered[-1]["work_date"])}
    proposal = await offer(tx, now, who, "plans", body, reason=reason, person_days=len(altered))
    await rosters.add_proposal_days(tx.connection, proposal.proposal_id, altered)
    return proposal


async def offer(
    tx: Tx,
    now: dt.datetime,
    who: Principal,
    kind: str,
    body: dict[str, Any],
    *,
    reason: str | None,
    person_days: int,
) -> Proposal:
    """Store a proposal, still without its person-days.

    422 without a reason, 403 for an office account: two named officers answer for it.
    """
    if who.subject is None:
        raise Problem(403, "proposal.needs_person")
    if not reason:
        raise Problem(422, "validation", errors=[FieldError("reason", "proposal.reason")])
    proposal = Proposal(
        proposal_id=uuid4(),
        kind=kind,
        body=body,
        reason=reason,
        person_days=person_days,
        status="open",
        proposed_by=who.subject,
        proposed_at=now,
    )
    await governance.add(tx, proposal)
    return proposal


async def approve(tx: Tx, now: dt.datetime, proposal_id: UUID) -> int:
    """Write the plans of an approved proposal. Returns how many changed.

    409 when a listed day has changed since: the officers have not seen what would be lost.
    """
    if await rosters.moved_on(tx.connection, proposal_id):
        raise Problem(409, "proposal.stale")
    changed = 0
    after = (dt.date.min, UUID(int=0))
    while page := await rosters.proposal_days(tx.connection, proposal_id, after, PART):
        changed += await write(tx, now, [rosters.plan_row(row["row"]) for row in page], pinned=True)
        after = page[-1]["work_date"], page[-1]["employee_id"]
    return changed


async def note(
    tx: Tx, now: dt.datetime, who: Principal, action: str, *, subject: object, reason: str | None, **detail: Any
) -> None:
    """One row of the audit log."""
    await audit.add(
        tx.connection, now, officer_name(who), action, subject=str(subject), reason=reason, detail=detail
    )


def split(rows: Sequence[PlanRow], day: dt.date) -> tuple[list[PlanRow], list[PlanRow]]:
    """(rows of days before `day`, the others)."""
    return [row for row in rows if row[1] < day], [row for row in rows if row[1] >= day]


def some(items: Sequence[Any]) -> dict[str, Any]:
    """A list of an answer: how many there are, and the first thousand."""
    return {"count": len(items), "items": list(items[:1000])}


def days(found: Sequence[tuple[dt.date, int]]) -> dict[str, Any]:
    """Dates with the number of person-days on each, as a list of an answer."""
    return some([{"work_date": str(day), "person_days": count} for day, count in found])
