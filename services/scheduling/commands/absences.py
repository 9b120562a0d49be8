"""Absences after publication: leave, sick notes and trips; their end and their amendment.

An absence takes the days that it must and no others. Where its end gives back days that are over or have begun,
they stay absent until a second officer has agreed.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from services.scheduling.commands import plans
from services.scheduling.commands.access import in_own_opd
from services.scheduling.commands.changes import Done, Terms, go_through
from services.scheduling.commands.rosters import plan_rows
from services.scheduling.domain.frame import Draft
from services.scheduling.domain.planning import LONGEST_DAYS, Span, UnitInput
from services.scheduling.domain.plans import Planned
from services.scheduling.domain.records import Absence, gives_way
from services.scheduling.domain.roster import plan_unit
from services.scheduling.domain.spans import Days, covered, without
from services.scheduling.store import absences as store
from services.scheduling.store import directory, people, rosters
from services.scheduling.store import plans as plans_store
from services.scheduling.store import policies as policies_store
from services.scheduling.store.people import PersonRow
from services.scheduling.store.rosters import Wanted
from services.scheduling.store.tables import Proposal
from services.scheduling.views.answer import as_json
from services.scheduling.views.changes import shortage
from shared import audit
from shared.access import Principal
from shared.clock import Clock
from shared.database import Database, Tx
from shared.refusals import Conflict, FieldError, or_missing

DAY = dt.timedelta(1)


@dataclass(frozen=True, slots=True)
class Leave:
    """An absence that comes after publication; `kind` of a leave stays in this service."""

    employee_id: UUID
    category: str
    first: dt.date
    last: dt.date
    kind: str | None = None
    letter: str | None = None


def absence_modes(category: str) -> tuple[str, str]:
    """(the mode of the days of an absence, the mode of the days that it leaves alone)."""
    return ("LEAVE", "OFF") if category == "leave" else ("DUTY_TRAVEL", "")


async def add_leave(db: Database, clock: Clock, who: Principal, leave: Leave, terms: Terms) -> Done:
    """Store an absence and change the person's plans on those days. A sick note splits an annual leave."""
    async with db.transaction() as tx:
        await directory.lock(tx)
        await in_own_opd(tx, who, leave.employee_id)
        return await add(tx, clock, who, leave, terms)


async def add(tx: Tx, clock: Clock, who: Principal, leave: Leave, terms: Terms) -> Done:
    """The same in `tx`, which holds `directory.lock`, of somebody of whom it is known that the officer may."""
    absence = Absence(leave.employee_id, leave.category, leave.first, leave.last, leave.kind, leave.letter)
    split = await make_room(tx, absence)
    rows = await _absent_rows(tx, absence, [Days(leave.first, leave.last)])
    await store.add_absence(tx, absence)
    done = await go_through(tx, clock, who, rows, terms)
    await audit.add(
        tx,
        clock.now(),
        who,
        "absence.added",
        subject=leave.employee_id,
        reason=terms.override or terms.reason,
        detail={
            "category": leave.category,
            "first": leave.first,
            "last": leave.last,
            "split": [(cut.from_date, cut.to_date) for cut in split],
            "changed": done.changed,
            "overridden": as_json(shortage(short) for short in done.short),
            "recalled": [str(recall.employee_id) for recall in terms.recalls],
        },
    )
    return done


async def make_room(tx: Tx, wanted: Absence, itself: Absence | None = None) -> list[Absence]:
    """Cut what is stored and gives way to `wanted`; raises Conflict for the rest. Returns those as they were."""
    days = Days(wanted.from_date, wanted.to_date)
    stored = await store.overlapping(tx, wanted.employee_id, *days)
    others = [absence for absence in stored if absence != itself]
    for absence in others:
        if not gives_way(absence, wanted):
            params = {"start": absence.from_date, "end": absence.to_date}
            error = FieldError("from", "import.overlaps_stored", params)
            raise Conflict("import.overlaps_stored", params=params, errors=[error])
    for absence in others:
        left = without(Days(absence.from_date, absence.to_date), days)
        await _replace(tx, absence, [absence], left)
    return others


async def _replace(tx: Tx, kind_of: Absence, stored: Sequence[Absence], spans: Sequence[Days]) -> list[Absence]:
    """The same absence over other days."""
    for absence in stored:
        await store.end_absence(tx, absence)
    absences = _spans(kind_of, spans)
    for absence in absences:
        await store.add_absence(tx, absence)
    return absences


async def _absent_rows(tx: Tx, absence: Absence, spans: Sequence[Days]) -> list[Planned]:
    mode, free = absence_modes(absence.category)
    return [
        plan.without_hours(mode, absence.category)
        for first, last in spans
        for plan in await plans_store.plans_of(tx, absence.employee_id, first, last)
        if plan.mode != free
    ]


async def end_leave(db: Database, clock: Clock, who: Principal, leave: Leave, reason: str | None) -> Done:
    """Take an absence back: the person's plans become what a roster would give them, and nobody else's move."""
    return await _amend(db, clock, who, leave, Terms(reason=reason), days=None)


async def amend_leave(
    db: Database, clock: Clock, who: Principal, leave: Leave, terms: Terms, *, days: Days
) -> Done:
    """Let a stored absence have other dates: only the days between change. Raises Missing."""
    return await _amend(db, clock, who, leave, terms, days=days)


async def _amend(
    db: Database, clock: Clock, who: Principal, leave: Leave, terms: Terms, *, days: Days | None
) -> Done:
    async with db.transaction() as tx:
        await directory.lock(tx)
        await in_own_opd(tx, who, leave.employee_id)
        return await amend(tx, clock, who, leave, terms, days=days)


async def amend(tx: Tx, clock: Clock, who: Principal, leave: Leave, terms: Terms, *, days: Days | None) -> Done:
    """Let a stored absence have other dates, or none; `tx` and the officer are as in `add`. Raises Missing."""
    person = or_missing(await people.person(tx, leave.employee_id), "directory.unknown")
    was = Days(leave.first, leave.last)
    stored = or_missing(await store.absence(tx, leave.employee_id, leave.category, *was), "absence.unknown")
    given_back = [was] if days is None else without(was, days)
    if days is not None:
        for wanted in _spans(stored, [days]):
            await make_room(tx, wanted, stored)
    after = [] if days is None else [days]
    await _replace(tx, stored, [stored], after)
    taken = await _absent_rows(tx, stored, [] if days is None else without(days, was))
    done = await go_through(tx, clock, who, taken, terms)
    free = [row for span in given_back for row in await _given_back(tx, person, span)]
    now = clock.now()
    late = await plans.late_keys(tx, now, free)
    gate = plans.Gate(who, terms.reason or terms.override, done.changed, done.proposal)
    await plans.put(tx, now, gate, free)
    if late:
        interim = covered(after, given_back, {day for _, day in late})
        kept = await _replace(tx, stored, _spans(stored, after), interim)
        _wait(tx, gate.proposal, stored, kept, after)
    action = "absence.ended" if days is None else "absence.amended"
    await audit.add(
        tx,
        now,
        who,
        action,
        subject=leave.employee_id,
        reason=gate.reason,
        detail={
            "category": leave.category,
            "first": leave.first,
            "last": leave.last,
            "after": after,
            "changed": gate.changed,
            "proposal_id": gate.proposal and gate.proposal.proposal_id,
        },
    )
    return Done(gate.changed, gate.proposal, done.short)


def _spans(of: Absence, spans: Sequence[Days]) -> list[Absence]:
    return [replace(of, from_date=first, to_date=last) for first, last in spans]


async def _given_back(tx: Tx, person: PersonRow, span: Days) -> list[Planned]:
    planned = {plan.work_date for plan in await plans_store.plans_of(tx, person.employee_id, *span)}
    return [plan for plan in await _replanned(tx, person, *span) if plan.work_date in planned]


def _wait(
    tx: Tx, proposal: Proposal | None, absence: Absence, kept: Sequence[Absence], after: Sequence[Days]
) -> None:
    """Let the proposal know what is stored until it is decided, and what will be stored then."""
    assert proposal is not None  # noqa: S101 - something is late
    proposal.kind = "absence"
    proposal.body = {
        **proposal.body,
        "employee_id": str(absence.employee_id),
        "category": absence.category,
        "stored": [[str(absence.from_date), str(absence.to_date)] for absence in kept],
        "after": [[str(first), str(last)] for first, last in after],
    }
    tx.session.add(proposal)


async def approve(tx: Tx, now: dt.datetime, proposal: Proposal) -> int:
    """Let the amended absence hold and write the listed plans.

    Raises Conflict where it or a plan has changed since.
    """
    body = proposal.body
    employee_id = UUID(body["employee_id"])
    stored: list[Absence] = []
    for first, last in _days(body["stored"]):
        absence = await store.absence(tx, employee_id, body["category"], first, last)
        if absence is None:
            raise Conflict("proposal.stale")
        stored.append(absence)
    await _replace(tx, next(iter(stored)), stored, _days(body["after"]))
    return await plans.approve(tx, now, proposal.proposal_id, pinned=False)


def _days(spans: Sequence[Sequence[Any]]) -> list[Days]:
    return [Days(dt.date.fromisoformat(first), dt.date.fromisoformat(last)) for first, last in spans]


async def _replanned(tx: Tx, person: PersonRow, first: dt.date, last: dt.date) -> Sequence[Planned]:
    """What rosters of the unit, some weeks at a time, would give the person."""
    wanted = Wanted(False, unit_ids=(person.unit_id,))
    policies = tuple(await policies_store.current_policies(tx))
    rows: list[Planned] = []
    while first <= last:
        end = min(last, first + (LONGEST_DAYS - 7 - first.weekday()) * DAY)
        units = [unit async for part in rosters.units(tx, wanted, first, end) for unit in part]
        if rows:
            home = any(plan.work_date == first - DAY and plan.mode == "WFH" for plan in rows)
            units = [_after_home(unit, person.employee_id, home=home) for unit in units]
        span = Span(first, end, await rosters.holidays(tx, first, end), policies)
        planned = plan_rows(Draft(span, units, [plan_unit(unit, span) for unit in units]))
        rows.extend(plan for plan in planned if plan.employee_id == person.employee_id)
        first = end + DAY
    return rows


def _after_home(unit: UnitInput, employee_id: UUID, *, home: bool) -> UnitInput:
    """The unit's input, where the person's day before is what was just planned and not what is stored."""
    return replace(
        unit,
        people=tuple(
            replace(one, home_before=home) if one.employee_id == employee_id else one for one in unit.people
        ),
    )
