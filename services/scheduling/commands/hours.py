"""Special hours: given, withdrawn, and what of it waits for a second officer.

Hours are of all whom they concern or of nobody: where the change is late for one person it waits whole, with the
list of today's plans before and after. Plans of later dates change when a roster is published.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from services.scheduling.commands import plans, scope
from services.scheduling.domain.late import is_late
from services.scheduling.domain.plans import PlanChange, Planned
from services.scheduling.domain.timetable import Hours, SpecialHours, hours_on, special_of
from services.scheduling.store import directory, proposals, rosters
from services.scheduling.store import hours as store
from services.scheduling.store import plans as plans_store
from services.scheduling.store.tables import Proposal
from shared import audit
from shared.access import Principal, employee_of
from shared.clock import Clock
from shared.database import Database, Tx
from shared.dates import local_date
from shared.refusals import FieldError, Invalid, or_missing

DAY = dt.timedelta(1)


@dataclass(frozen=True, slots=True)
class Given:
    """The hours, the proposal if they wait for a second officer, and (date, plans) that need a new roster."""

    special_id: UUID
    body: Mapping[str, Any]
    proposal: Proposal | None = None
    needs_roster: Sequence[tuple[dt.date, int]] = ()


@dataclass(frozen=True, slots=True)
class _Change:
    """Hours that begin to hold, or cease to, on `first`."""

    special_id: UUID
    body: Mapping[str, Any]
    first: dt.date
    withdraw: bool = False

    @property
    def hours(self) -> SpecialHours:
        return store.of_body(self.body, _date(self.body["from"]), _date(self.body["to"]))


def _date(value: str | None) -> dt.date | None:
    return dt.date.fromisoformat(value) if value else None


async def give(
    db: Database, clock: Clock, who: Principal, body: dict[str, Any], *, reason: str | None = None
) -> Given:
    """Store special hours from today or later on. Raises Invalid for a start in the past."""
    async with db.transaction() as tx:
        await directory.lock(tx)
        now = clock.now()
        first = dt.date.fromisoformat(body["from"])
        if first < local_date(now):
            raise Invalid("validation", errors=[FieldError("from", "hours.past")])
        await scope.check_known(tx, opds={"opd_codes": body["opd_codes"]}, units={"unit_ids": body["unit_ids"]})
        return await _go(tx, now, who, _Change(uuid4(), body, first), reason)


async def withdraw(
    db: Database, clock: Clock, who: Principal, special_id: UUID, *, reason: str | None = None
) -> Given:
    """They hold from today on no longer; dates before today keep them. Raises Missing."""
    async with db.transaction() as tx:
        await directory.lock(tx)
        now = clock.now()
        body = or_missing(await store.body(tx, special_id))
        return await _go(tx, now, who, _Change(special_id, body, local_date(now), withdraw=True), reason)


async def _go(tx: Tx, now: dt.datetime, who: Principal, change: _Change, reason: str | None) -> Given:
    late, needs_two = await _late(tx, now, change)
    # What a proposal lists it writes itself; the rest follows when a roster is published.
    first = max(change.first, local_date(now) + (DAY if needs_two else 0 * DAY))
    needing = await store.needing(tx, change.hours, first)
    if not needs_two:
        await _store(tx, now, who, change, reason)
        return Given(change.special_id, change.body, needs_roster=needing)
    kept = {
        "special_id": str(change.special_id),
        "hours": dict(change.body),
        "from": str(change.first),
        "withdraw": change.withdraw,
    }
    reason = reason or change.body["name"]
    proposal = await plans.offer(tx, now, who, "hours", kept, reason=reason, person_days=len(late))
    await proposals.add_proposal_days(tx, proposal.proposal_id, late)
    return Given(change.special_id, change.body, proposal, needing)


async def _late(tx: Tx, now: dt.datetime, change: _Change) -> tuple[list[PlanChange], bool]:
    """(the published plans that the change alters late, whether that takes two officers)."""
    rows = await _altered(tx, change, local_date(now))
    changes = await plans_store.changes(tx, rows)
    late = [change for change in changes if is_late(change.new.work_date, change.old, change.new, now)]
    return late, any(plans.needs_two(change, now) for change in late)


async def _altered(tx: Tx, change: _Change, today: dt.date) -> list[Planned]:
    """The plans from the change's first date to today as they would be, where these hours make a difference."""
    mine, rows = change.hours, list[Planned]()
    holidays = await rosters.holidays(tx, change.first, today)
    concerned = list(mine.opd_codes), list(mine.unit_ids)
    for number in range((today - change.first).days + 1):
        day = change.first + number * DAY
        standing = await store.in_force(tx, day)
        before = list(standing.values())
        without = [one for key, one in standing.items() if key != change.special_id]
        after = without if change.withdraw else [*without, mine]
        for plan, pattern in await store.plans_on(tx, day, mine.timetable, *concerned):
            old, new = (
                hours_on(
                    pattern,
                    day,
                    holiday=day in holidays,
                    special=special_of(which, plan.opd_code, plan.unit_id),
                )
                for which in (before, after)
            )
            if old != new:
                rows.append(_with_hours(plan, new))
    return rows


def _with_hours(plan: Planned, hours: Hours | None) -> Planned:
    if hours is None:
        return plan.without_hours("OFF", "rest_day")
    if plan.mode == "OFF":
        plan = plan._replace(mode="WFO", reason="changed")
    starts_at, ends_at = hours.on(plan.work_date)
    return plan._replace(starts_at=starts_at, ends_at=ends_at)


async def _store(tx: Tx, now: dt.datetime, who: Principal, change: _Change, reason: str | None) -> None:
    if change.withdraw:
        await store.withdraw(tx, change.special_id, change.first)
    else:
        last = _date(change.body["to"])
        first, officer = change.first, str(employee_of(who))
        await store.add(tx, change.special_id, change.body, first=first, last=last, at=now, by=officer)
    action = "hours.withdrawn" if change.withdraw else "hours.given"
    await audit.add(
        tx,
        now,
        who,
        action,
        subject=change.special_id,
        reason=reason,
        detail={"hours": change.body, "first": change.first},
    )


async def approve(tx: Tx, now: dt.datetime, who: Principal, proposal: Proposal) -> int:
    """Let proposed hours hold, and write the listed plans. Returns how many plans changed.

    Raises Conflict where a listed plan has changed since, or the change alters more days by now than were listed.
    """
    body = proposal.body
    first = dt.date.fromisoformat(body["from"])
    change = _Change(UUID(body["special_id"]), body["hours"], first, body["withdraw"])
    late, _ = await _late(tx, now, change)
    await plans.check_listed(tx, proposal, late)
    await _store(tx, now, who, change, proposal.reason)
    return await plans.approve(tx, now, proposal.proposal_id, pinned=False)
