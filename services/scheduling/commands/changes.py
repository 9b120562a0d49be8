"""Changes after publication: leave and sick notes, recalls, and their end.

Each touches the plans it must and no others. A minimum is never broken silently: the change is refused with the
hours that would be short and those who could step in, unless the officer recalls some of them or overrides by
name and with a reason.
"""

import asyncio
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from services.scheduling.commands import plans
from services.scheduling.commands.officer import own_opd
from services.scheduling.commands.rosters import Draft, plan_rows
from services.scheduling.domain import changes as domain
from services.scheduling.domain.changes import Short, Standing
from services.scheduling.domain.planning import Span, UnitInput
from services.scheduling.domain.roster import plan_unit
from services.scheduling.domain.timetable import clock_text
from services.scheduling.models import Proposal
from services.scheduling.store import directory, governance, inputs, standing
from services.scheduling.store.inputs import LONGEST_DAYS, Wanted
from services.scheduling.store.rosters import PlanRow
from services.scheduling.store.standing import PersonRow
from shared.auth import Principal
from shared.clock import Clock
from shared.database import Database, Tx
from shared.http import FieldError, Problem

DAY = dt.timedelta(1)


@dataclass(frozen=True, slots=True)
class Recall:
    """Bring someone who is at home on a date to the office."""

    employee_id: UUID
    work_date: dt.date


@dataclass(frozen=True, slots=True)
class Leave:
    """An absence that comes after publication; `kind` of a leave stays in this service."""

    employee_id: UUID
    category: str
    first: dt.date
    last: dt.date
    kind: str | None = None
    letter: str | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """How a change may go through: people to recall, an override of the minimum, the reason for the log."""

    recalls: Sequence[Recall] = ()
    override: str | None = None
    reason: str | None = None


@dataclass(slots=True)
class Done:
    """What a change did."""

    changed: int = 0
    proposal: Proposal | None = None
    short: list[Short] = field(default_factory=list[Short])


async def someone(tx: Tx, who: Principal, employee_id: UUID) -> PersonRow:
    """The person a change is about. 404 if unknown, 403 for another OPD's."""
    person = await standing.person(tx.connection, employee_id)
    if person is None:
        raise Problem(404, "directory.unknown", errors=[FieldError("employee_id", "directory.unknown")])
    own_opd(who, [person.opd_code])
    return person


def absence_modes(category: str) -> tuple[str, str]:
    """(the mode of the days of an absence, the mode of the days that it leaves alone)."""
    return ("LEAVE", "OFF") if category == "leave" else ("DUTY_TRAVEL", "")


async def add_leave(db: Database, clock: Clock, who: Principal, leave: Leave, terms: Terms) -> Done:
    """Store an absence and change the person's plans on those days."""
    async with db.transaction() as tx:
        await directory.lock(tx.connection)
        await someone(tx, who, leave.employee_id)
        other = await standing.overlapping(tx.connection, leave.employee_id, leave.first, leave.last)
        if other:
            params = {"start": other[0]["from_date"], "end": other[0]["to_date"]}
            error = FieldError("from", "import.overlaps_stored", params)
            raise Problem(409, "import.overlaps_stored", params=params, errors=[error])
        mode, free = absence_modes(leave.category)
        rows: list[PlanRow] = [
            (row[0], row[1], row[2], row[3], mode, None, None, None, leave.category)
            for row in await standing.plans_of(tx.connection, leave.employee_id, leave.first, leave.last)
            if row["mode"] != free
        ]
        await standing.add_absence(
            tx.connection, leave.employee_id, leave.category, leave.first, leave.last, leave.kind, leave.letter
        )
        done = await _go_through(tx, clock, who, rows, terms)
        await plans.note(
            tx,
            clock.now(),
            who,
            "absence.added",
            subject=leave.employee_id,
            reason=terms.override or terms.reason,
            category=leave.category,
            first=leave.first,
            last=leave.last,
            overridden=[short_view(one) for one in done.short],
            recalled=[str(one.employee_id) for one in terms.recalls],
        )
        return done


async def end_leave(db: Database, clock: Clock, who: Principal, leave: Leave, reason: str | None) -> Done:
    """Take an absence back: the person's plans become what a roster would give them, and nobody else's move."""
    async with db.transaction() as tx:
        await directory.lock(tx.connection)
        person = await someone(tx, who, leave.employee_id)
        known = await standing.end_absence(
            tx.connection, leave.employee_id, leave.category, leave.first, leave.last
        )
        if not known:
            raise Problem(404, "absence.unknown")
        planned = await standing.plans_of(tx.connection, leave.employee_id, leave.first, leave.last)
        days = {row["work_date"] for row in planned}
        rows = [row for row in await _replanned(tx, person, leave.first, leave.last) if row[1] in days]
        done = await _go_through(tx, clock, who, rows, Terms(reason=reason), check=False)
        await plans.note(
            tx,
            clock.now(),
            who,
            "absence.ended",
            subject=leave.employee_id,
            reason=reason,
            category=leave.category,
            first=leave.first,
            last=leave.last,
        )
        return done


async def _replanned(tx: Tx, person: PersonRow, first: dt.date, last: dt.date) -> Sequence[PlanRow]:
    """What rosters of the unit, some weeks at a time, would give the person."""
    wanted = Wanted(False, unit_ids=(person.unit_id,))
    policies = tuple(await governance.current_policies(tx))
    rows: list[PlanRow] = []
    while first <= last:
        end = min(last, first + (LONGEST_DAYS - 7 - first.weekday()) * DAY)
        found = [unit async for part in inputs.units(tx.connection, wanted, first, end) for unit in part]
        if rows:
            home = any(row[1] == first - DAY and row[4] == "WFH" for row in rows)
            found = [_after_home(unit, person.employee_id, home=home) for unit in found]
        span = Span(first, end, await inputs.holidays(tx.connection, first, end), policies)
        planned = plan_rows(Draft(span, found, [plan_unit(unit, span) for unit in found]))
        rows.extend(row for row in planned if row[0] == person.employee_id)
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


async def settle(
    db: Database, clock: Clock, who: Principal, moves: Sequence[tuple[UUID, dt.date, str]], terms: Terms
) -> Done:
    """Set the mode (WFO or WFH) of single person-days; later rosters leave these days alone."""
    async with db.transaction() as tx:
        await directory.lock(tx.connection)
        rows: list[PlanRow] = []
        for index, (employee_id, day, mode) in enumerate(moves):
            await someone(tx, who, employee_id)
            rows.append(await moved(tx, employee_id, day, mode, f"moves.{index}"))
        done = await _go_through(tx, clock, who, rows, terms, pinned=True)
        await plans.note(
            tx,
            clock.now(),
            who,
            "plans.settled",
            subject=moves[0][0] if moves else "-",
            reason=terms.override or terms.reason,
            moves=[(str(one), str(day), mode) for one, day, mode in moves],
            overridden=[short_view(one) for one in done.short],
        )
        return done


async def moved(tx: Tx, employee_id: UUID, day: dt.date, mode: str, where: str) -> PlanRow:
    """The stored plan with another place to work. 422 for a day without working hours."""
    rows = await standing.plans_of(tx.connection, employee_id, day, day)
    if not rows or rows[0]["starts_at"] is None:
        errors = [FieldError(where, "change.no_work", {"date": day})]
        raise Problem(422, "change.no_work", params={"date": day}, errors=errors)
    row = rows[0]
    return (
        row["employee_id"],
        day,
        row["opd_code"],
        row["unit_id"],
        mode,
        row["starts_at"],
        row["ends_at"],
        row["policy_version"],
        "changed",
    )


async def _go_through(
    tx: Tx,
    clock: Clock,
    who: Principal,
    rows: list[PlanRow],
    terms: Terms,
    *,
    pinned: bool = False,
    check: bool = True,
) -> Done:
    recalls = [
        await moved(tx, one.employee_id, one.work_date, "WFO", f"recall.{index}")
        for index, one in enumerate(terms.recalls)
    ]
    for row in recalls:
        own_opd(who, [row[2]])
    short = await minimum_check(tx, [*rows, *recalls], terms.override) if check else []
    now, day = clock.now(), plans.today(clock)
    past, coming = plans.split([*rows, *recalls], day)
    proposal = await plans.propose(tx, now, who, past, reason=terms.reason or terms.override)
    settled = {(row[0], row[1]) for row in recalls}
    changed = await plans.write(
        tx, now, [row for row in coming if pinned or (row[0], row[1]) in settled], pinned=True
    )
    changed += await plans.write(
        tx, now, [row for row in coming if not pinned and (row[0], row[1]) not in settled]
    )
    return Done(changed, proposal, short)


@dataclass(frozen=True, slots=True)
class Loss:
    """What a change takes from the counter of one unit below its minimum; `after` are the unit's plans then."""

    unit_id: str
    short: Sequence[Short]
    after: Sequence[Standing]


async def losses(tx: Tx, rows: Sequence[PlanRow]) -> list[Loss]:
    """Where the rows, which are not written yet, take people from a counter that has a minimum."""
    units = sorted({row[3] for row in rows})
    requirements = await standing.requirements(tx.connection, units)
    rows = [row for row in rows if row[3] in requirements]
    if not rows:
        return []
    first, last = min(row[1] for row in rows), max(row[1] for row in rows)
    holidays = await inputs.holidays(tx.connection, first, last)
    stand = await standing.plans_of_units(tx.connection, [*requirements], first - DAY, last + DAY)

    def work() -> list[Loss]:
        new = {(row[0], row[1]): row for row in rows}
        days: dict[str, set[dt.date]] = {}
        for row in rows:
            days.setdefault(row[3], set()).update((row[1], row[1] + DAY))
        plans: dict[str, list[Standing]] = {}
        for plan in stand:
            plans.setdefault(plan.unit_id, []).append(plan)
        found: list[Loss] = []
        for unit_id, sets in requirements.items():
            before, touched = plans.get(unit_id, []), sorted(days.get(unit_id, ()))
            after = [
                Standing(plan.employee_id, plan.work_date, row[3], row[4], row[5], row[6])
                if (row := new.get((plan.employee_id, plan.work_date))) is not None
                else plan
                for plan in before
            ]
            short = domain.worse(
                domain.shortages(sets, before, unit_id, touched, holidays),
                domain.shortages(sets, after, unit_id, touched, holidays),
            )
            if short:
                found.append(Loss(unit_id, short, after))
        return found

    return await asyncio.to_thread(work)


async def minimum_check(tx: Tx, rows: Sequence[PlanRow], override: str | None) -> list[Short]:
    """What the rows take below a minimum. 409 with hours and substitutes, unless it is overridden."""
    lost = await losses(tx, rows)
    if not lost or override:
        return [short for loss in lost for short in loss.short]
    units = [loss.unit_id for loss in lost]
    home = await standing.home_days(tx.connection, units, min(row[1] for row in rows))
    gone = frozenset(row[0] for row in rows)
    answer: list[dict[str, Any]] = []
    for loss in lost:
        found = domain.substitutes(loss.short, loss.after, loss.unit_id, home_days=home, leave_out=gone)
        answer.append(
            {
                "unit_id": loss.unit_id,
                "shortages": [short_view(one) for one in loss.short],
                "substitutes": [
                    {
                        "rank": rank,
                        "employee_id": one.employee_id,
                        "work_date": one.work_date,
                        "minutes": one.minutes,
                        "home_days": one.home_days,
                    }
                    for rank, one in enumerate(found[:50], 1)
                ],
            }
        )
    raise Problem(409, "change.minimum", params={"unit": units[0]}, extra=_jsonable({"units": answer}))


def short_view(one: Short) -> dict[str, Any]:
    return {
        "work_date": str(one.work_date),
        "from": clock_text(one.start),
        "to": clock_text(one.end),
        "required": one.required,
        "on_site": one.on_site,
    }


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _jsonable(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_jsonable(one) for one in value]
    return str(value) if isinstance(value, UUID | dt.date) else value


def as_json(done: Done) -> dict[str, Any]:
    """The answer to the officer."""
    return {
        "changed": done.changed,
        "overridden": [short_view(one) for one in done.short],
        "proposal": done.proposal
        and {"proposal_id": done.proposal.proposal_id, "person_days": done.proposal.person_days},
    }
