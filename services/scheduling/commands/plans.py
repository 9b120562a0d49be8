"""Writing plans: every way to a changed plan ends here.

What is not late is written and published at once. A late change (`domain.late`) waits as a proposal that lists its
person-days before and after, and a second officer lets it take effect.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from services.scheduling.commands import publish
from services.scheduling.domain.late import never_late_from, officers_needed
from services.scheduling.domain.planning import public_reason
from services.scheduling.domain.plans import PersonDay, PlanChange, Planned
from services.scheduling.store import plans as plans_store
from services.scheduling.store import proposals, tables
from services.scheduling.store.tables import Proposal
from shared import audit
from shared.access import Principal, employee_of
from shared.database import Database, Tx
from shared.dates import local_date
from shared.events import ScheduleChanged
from shared.refusals import Conflict, FieldError, Invalid

PART = 2_000
"""Plans written and published at a time: some 10 ms between two looks at the event loop."""


async def write(tx: Tx, now: dt.datetime, rows: Sequence[Planned], *, pinned: bool = False) -> int:
    """Write what differs and publish it with `tx`, which holds `directory.lock`. Returns how many changed.

    The event says of a person's own reasons only that there is one; the true one stays with the plan.
    """
    changed = await plans_store.merge(tx, rows, now, pinned=pinned)
    events = (
        ScheduleChanged.model_validate({**plan._asdict(), "reason": public_reason(plan.reason)})
        for plan in changed
    )
    return await publish.send(tx, events, now)


def _parts(rows: Iterable[Planned]) -> Iterator[list[Planned]]:
    part: list[Planned] = []
    for row in rows:
        part.append(row)
        if len(part) == PART:
            yield part
            part = []
    if part:
        yield part


@dataclass(slots=True)
class Gate:
    """The way of one officer's change to the plans, over as many transactions as it takes."""

    who: Principal
    reason: str | None = None
    changed: int = 0
    """Plans written and published."""
    proposal: Proposal | None = None
    """What waits for a second officer."""


async def put(tx: Tx, now: dt.datetime, gate: Gate, rows: Iterable[Planned], *, pinned: bool = False) -> None:
    """Write what may be written at `now`; what is late joins the proposal of `gate`.

    `tx` holds `directory.lock`, and `now` is read after it was taken: a change is judged when it is published.
    Raises Invalid without a reason where something is late.
    """
    for part in _parts(rows):
        late = await _late(tx, now, part)
        held = {change.new.person_day for change in late}
        at_once = [plan for plan in part if plan.person_day not in held] if held else part
        gate.changed += await write(tx, now, at_once, pinned=pinned)
        await _hold(tx, now, gate, late)


async def put_late(tx: Tx, now: dt.datetime, gate: Gate, rows: Iterable[Planned]) -> None:
    """Only the late half of `put`: so that a long publication asks for reason and name before it writes."""
    for part in _parts(plan for plan in rows if plan.work_date < never_late_from(now)):
        await _hold(tx, now, gate, await _late(tx, now, part))


async def _late(tx: Tx, now: dt.datetime, rows: Iterable[Planned]) -> list[PlanChange]:
    """What `rows` change that needs two officers."""
    near = [plan for plan in rows if plan.work_date < never_late_from(now)]
    return [change for change in await plans_store.changes(tx, near) if needs_two(change, now)]


def needs_two(change: PlanChange, now: dt.datetime) -> bool:
    """Whether a change may not be written at `now` by one officer alone."""
    return officers_needed(change.new.work_date, change.old, change.new, now) > 1


async def _hold(tx: Tx, now: dt.datetime, gate: Gate, late: Sequence[PlanChange]) -> None:
    if not late:
        return
    # An earlier transaction may have made it, and an officer may have decided it since.
    proposal = gate.proposal and await proposals.proposal(tx, gate.proposal.proposal_id, lock=True)
    if proposal is None or proposal.status != "open":
        proposal = await offer(tx, now, gate.who, "plans", {}, reason=gate.reason)
    gate.proposal = proposal
    proposal.person_days += await proposals.add_proposal_days(tx, proposal.proposal_id, late)
    days = [*proposal.body.values(), *(str(change.new.work_date) for change in late)]
    proposal.body = {"from": min(days), "to": max(days)}
    tx.session.add(proposal)
    await tx.session.flush()


async def late_keys(tx: Tx, now: dt.datetime, rows: Iterable[Planned]) -> set[PersonDay]:
    """The plans that `put` would leave to a second officer at `now`."""
    near = (plan for plan in rows if plan.work_date < never_late_from(now))
    return {change.new.person_day for part in _parts(near) for change in await _late(tx, now, part)}


async def count_changes(db: Database, rows: Iterable[Planned]) -> int:
    """How many plans `write` would change."""
    count = 0
    async with db.read() as tx:
        for part in _parts(rows):
            count += await plans_store.change_count(tx, part)
    return count


async def offer(
    tx: Tx,
    now: dt.datetime,
    who: Principal,
    kind: str,
    body: dict[str, Any],
    *,
    reason: str | None,
    person_days: int = 0,
    action: str = "proposal.made",
    subject: object = None,
    **detail: Any,
) -> Proposal:
    """Store a proposal, still without its person-days, and note it as `action`.

    `subject` is the proposal itself unless it is told. Raises Invalid without a reason: the second officer has to
    know it.
    """
    if not reason:
        raise Invalid("validation", errors=[FieldError("reason", "proposal.reason")])
    proposal = Proposal(
        proposal_id=uuid4(),
        kind=kind,
        body=body,
        reason=reason,
        person_days=person_days,
        status="open",
        proposed_by=employee_of(who),
        proposed_at=now,
    )
    await tables.add(tx, proposal)
    about = proposal.proposal_id if subject is None else subject
    await audit.add(tx, now, who, action, subject=about, reason=reason, detail=detail or {"kind": kind})
    return proposal


async def check_listed(tx: Tx, proposal: Proposal, late: Sequence[PlanChange]) -> None:
    """Raises Conflict where changes are late by now that the second officer has not seen in the list."""
    listed = await proposals.listed(tx, proposal.proposal_id)
    grown = sum(change.new.person_day not in listed for change in late)
    if grown:
        raise Conflict("proposal.grown", params={"count": grown})


async def approve(tx: Tx, now: dt.datetime, proposal_id: UUID, *, pinned: bool = True) -> int:
    """Write the plans of an approved proposal. Returns how many changed.

    Raises Conflict when a listed day has changed since: the officers have not seen what would be lost.
    """
    if await proposals.moved_on(tx, proposal_id, local_date(now)):
        raise Conflict("proposal.stale")
    changed = 0
    after = (dt.date.min, UUID(int=0))
    while page := await proposals.proposal_days(tx, proposal_id, after, PART):
        changed += await write(tx, now, [day.planned() for day in page], pinned=pinned)
        *_, last = page
        after = last.work_date, last.employee_id
    return changed
