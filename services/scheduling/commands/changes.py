"""Changes after publication: recalls and settled days, and what every change of plans passes through.

Each touches the plans it must and no others. A minimum is never broken silently: the change is refused with the
hours that would be short and those who could step in, unless the officer recalls some of them or overrides by
name and with a reason.
"""

import asyncio
import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import NamedTuple
from uuid import UUID

from services.scheduling.commands import plans
from services.scheduling.commands.access import in_own_opd
from services.scheduling.domain import changes as domain
from services.scheduling.domain.changes import Short, Standing
from services.scheduling.domain.plans import PersonDay, Planned
from services.scheduling.store import directory, rosters
from services.scheduling.store import plans as plans_store
from services.scheduling.store.tables import Proposal
from services.scheduling.views.answer import as_json
from services.scheduling.views.changes import BelowMinimum, Change, Substitute, shortage
from services.scheduling.views.proposals import ProposalInBrief
from shared import audit
from shared.access import Principal, own_opd
from shared.clock import Clock
from shared.database import Database, Tx
from shared.refusals import Conflict, FieldError, Invalid

DAY = dt.timedelta(1)


@dataclass(frozen=True, slots=True)
class Recall:
    """Bring someone who is at home on a date to the office."""

    employee_id: UUID
    work_date: dt.date


class Move(NamedTuple):
    """Where someone is to work on a date: WFO or WFH."""

    employee_id: UUID
    work_date: dt.date
    mode: str


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


async def settle(db: Database, clock: Clock, who: Principal, moves: Sequence[Move], terms: Terms) -> Done:
    """Set the mode (WFO or WFH) of single person-days; later rosters leave these days alone."""
    async with db.transaction() as tx:
        await directory.lock(tx)
        rows: list[Planned] = []
        for index, move in enumerate(moves):
            await in_own_opd(tx, who, move.employee_id)
            rows.append(await moved(tx, *move, f"moves.{index}"))
        done = await go_through(tx, clock, who, rows, terms, pinned=True)
        await audit.add(
            tx,
            clock.now(),
            who,
            "plans.settled",
            subject=next((move.employee_id for move in moves), "-"),
            reason=terms.override or terms.reason,
            detail={
                "moves": [(str(one), str(day), mode) for one, day, mode in moves],
                "overridden": as_json(shortage(short) for short in done.short),
            },
        )
        return done


async def moved(tx: Tx, employee_id: UUID, day: dt.date, mode: str, where: str) -> Planned:
    """The stored plan with another place to work. Raises Invalid for a day without hours."""
    plan = await plans_store.plan_of(tx, employee_id, day)
    if plan is None or plan.starts_at is None:
        errors = [FieldError(where, "change.no_work", {"date": day})]
        raise Invalid("change.no_work", params={"date": day}, errors=errors)
    return plan._replace(mode=mode, reason="changed")


async def go_through(
    tx: Tx,
    clock: Clock,
    who: Principal,
    rows: list[Planned],
    terms: Terms,
    *,
    pinned: bool = False,
    check: bool = True,
) -> Done:
    """Write `rows` and bring back whom `terms` recall: the minimum is kept, and what is late waits.

    `pinned` settles the rows; `check` is False for rows that give people back.
    """
    recalls: list[Planned] = []
    for index, recall in enumerate(terms.recalls):
        await in_own_opd(tx, who, recall.employee_id)  # first: whose day it is not tells them nothing of it
        recalls.append(await moved(tx, recall.employee_id, recall.work_date, "WFO", f"recall.{index}"))
    own_opd(who, [plan.opd_code for plan in recalls])
    short = await minimum_check(tx, [*rows, *recalls], terms.override) if check else []
    gate = plans.Gate(who, terms.reason or terms.override)
    now = clock.now()
    settled = {plan.person_day for plan in recalls}
    await plans.put(tx, now, gate, recalls if not pinned else [*rows, *recalls], pinned=True)
    if not pinned:
        await plans.put(tx, now, gate, [plan for plan in rows if plan.person_day not in settled])
    return Done(gate.changed, gate.proposal, short)


@dataclass(frozen=True, slots=True)
class Loss:
    """What a change takes from the counter of one unit below its minimum; `after` are the unit's plans then."""

    unit_id: str
    short: Sequence[Short]
    after: Sequence[Standing]


async def losses(tx: Tx, rows: Sequence[Planned]) -> list[Loss]:
    """Where the rows, which are not written yet, take people from a counter that has a minimum."""
    units = sorted({plan.unit_id for plan in rows})
    requirements = await rosters.requirements(tx, units)
    rows = [plan for plan in rows if plan.unit_id in requirements]
    if not rows:
        return []
    dates = [plan.work_date for plan in rows]
    first, last = min(dates), max(dates)
    holidays = await rosters.holidays(tx, first, last)
    stand = await plans_store.plans_of_units(tx, [*requirements], first - DAY, last + DAY)

    def work() -> list[Loss]:
        new = {plan.person_day: plan for plan in rows}
        days: dict[str, set[dt.date]] = {}
        for plan in rows:
            days.setdefault(plan.unit_id, set()).update((plan.work_date, plan.work_date + DAY))
        standing: dict[str, list[Standing]] = {}
        for plan in stand:
            standing.setdefault(plan.unit_id, []).append(plan)
        lost: list[Loss] = []
        for unit_id, sets in requirements.items():
            before, touched = standing.get(unit_id, []), sorted(days.get(unit_id, ()))
            after = [
                plan if changed is None else Standing.of(changed)
                for plan in before
                for changed in [new.get(PersonDay(plan.employee_id, plan.work_date))]
            ]
            short = domain.worse(
                domain.shortages(sets, before, unit_id, touched, holidays),
                domain.shortages(sets, after, unit_id, touched, holidays),
            )
            if short:
                lost.append(Loss(unit_id, short, after))
        return lost

    return await asyncio.to_thread(work)


async def minimum_check(tx: Tx, rows: Sequence[Planned], override: str | None) -> list[Short]:
    """What the rows take below a minimum. Raises Conflict with hours and substitutes, unless it is overridden."""
    lost = await losses(tx, rows)
    if not lost or override:
        return [short for loss in lost for short in loss.short]
    units = [loss.unit_id for loss in lost]
    home = await plans_store.home_days(tx, units, min(plan.work_date for plan in rows))
    gone = frozenset(plan.employee_id for plan in rows)
    below: list[BelowMinimum] = []
    for loss in lost:
        best = domain.substitutes(loss.short, loss.after, loss.unit_id, home_days=home, leave_out=gone)[:50]
        below.append(
            BelowMinimum(
                unit_id=loss.unit_id,
                shortages=[shortage(short) for short in loss.short],
                substitutes=[Substitute(rank=rank, **asdict(one)) for rank, one in enumerate(best, 1)],
            )
        )
    raise Conflict("change.minimum", params={"unit": next(iter(units))}, extra={"units": as_json(below)})


def answer(done: Done) -> Change:
    """The answer to the officer."""
    return Change(
        changed=done.changed,
        overridden=[shortage(short) for short in done.short],
        proposal=done.proposal and ProposalInBrief.model_validate(done.proposal),
    )
