"""Two people change days: one asks, the other agrees, their superior approves; wishes for days to come."""

import datetime as dt
from typing import Any
from uuid import UUID, uuid4

from services.scheduling.commands import changes, plans
from services.scheduling.domain.frame import barred
from services.scheduling.domain.planning import public_reason
from services.scheduling.domain.plans import Planned
from services.scheduling.domain.policies import in_force
from services.scheduling.store import directory, people, rosters
from services.scheduling.store import plans as plans_store
from services.scheduling.store import policies as policies_store
from services.scheduling.store import swaps as swaps_store
from services.scheduling.store.rosters import Wanted
from shared.access import Principal, acts_for_city, employee_of, is_superior, only_opd, own_opd
from shared.clock import Clock
from shared.database import Database, Tx
from shared.dates import local_date
from shared.refusals import Conflict, FieldError, Forbidden, Invalid, Missing


def _wrong(field: str, code: str, **params: Any) -> Invalid:
    return Invalid("validation", errors=[FieldError(field, code, params)])


async def ask(
    db: Database, clock: Clock, who: Principal, partner_id: UUID, dates: tuple[dt.date, dt.date]
) -> UUID:
    """Offer one's own WFH day for a WFH day of a colleague of the same unit: `dates` are (mine, theirs)."""
    me = employee_of(who)
    async with db.transaction() as tx:
        mine, theirs = await people.person(tx, me), await people.person(tx, partner_id)
        if theirs is None or mine is None or theirs.unit_id != mine.unit_id or partner_id == me:
            raise _wrong("partner_id", "swap.partner")
        if dates[0] == dates[1]:
            raise _wrong("their_date", "swap.same_date")
        for field, day in (("my_date", dates[0]), ("their_date", dates[1])):
            if day < local_date(clock.now()):
                raise _wrong(field, "swap.past")
        if await plans.late_keys(tx, clock.now(), await _rows(tx, me, partner_id, dates)):
            raise _wrong("my_date", "swap.begun")
        swap_id = uuid4()
        now = clock.now()
        await swaps_store.add_swap(tx, swap_id, me, partner_id, *dates, now)
        await plans.note(
            tx, now, who, "swap.asked", subject=swap_id, reason=None, asker=me, partner=partner_id, dates=dates
        )
        return swap_id


async def _rows(tx: Tx, asker: UUID, partner: UUID, dates: tuple[dt.date, dt.date]) -> list[Planned]:
    """The four changed plans. 422 unless the plans still are what the swap is about."""
    expected = (
        ("my_date", asker, dates[0], "WFH", "WFO"),
        ("my_date", partner, dates[0], "WFO", "WFH"),
        ("their_date", partner, dates[1], "WFH", "WFO"),
        ("their_date", asker, dates[1], "WFO", "WFH"),
    )
    rows: list[Planned] = []
    for field, employee_id, day, mode, new_mode in expected:
        stored = await plans_store.plan_of(tx, employee_id, day)
        if stored is None or stored.mode != mode:
            raise _wrong(field, "swap.plans")
        rows.append(await changes.moved(tx, employee_id, day, new_mode, field))
    return rows


async def agree(db: Database, clock: Clock, who: Principal, swap_id: UUID) -> None:
    """The colleague's yes."""
    async with db.transaction() as tx:
        swap = await _swap(tx, swap_id, "asked")
        if swap["partner_id"] != employee_of(who):
            raise Forbidden("swap.not_partner")
        await swaps_store.set_swap(tx, swap_id, "agreed", str(employee_of(who)), clock.now())
        await plans.note(tx, clock.now(), who, "swap.agreed", subject=swap_id, reason=None)


async def refuse(db: Database, clock: Clock, who: Principal, swap_id: UUID) -> None:
    """A no of either person or of a superior."""
    async with db.transaction() as tx:
        swap = await _swap(tx, swap_id, "asked", "agreed")
        if who.subject not in (swap["asker_id"], swap["partner_id"]):
            await _superior(tx, who, swap)
        await swaps_store.set_swap(tx, swap_id, "refused", str(employee_of(who)), clock.now())
        await plans.note(tx, clock.now(), who, "swap.refused", subject=swap_id, reason=None)


async def _swap(tx: Tx, swap_id: UUID, *statuses: str) -> Any:
    swap = await swaps_store.swap(tx, swap_id)
    if swap is None:
        raise Missing("not_found")
    if swap["status"] not in statuses:
        raise Conflict("swap.status", params={"status": swap["status"]})
    return swap


async def _superior(tx: Tx, who: Principal, swap: Any) -> None:
    """403 unless the caller is the asker's superior or deputy, the OPD's admin, or BKPSDM."""
    asker = await people.person(tx, swap["asker_id"])
    if asker is None:
        raise Missing("not_found")
    if only_opd(who) is not None:
        own_opd(who, [asker.opd_code])
    elif not acts_for_city(who):
        officer = await people.person(tx, employee_of(who))
        if officer is None or not is_superior(officer, asker):
            raise Forbidden("swap.not_superior")


async def approve(db: Database, clock: Clock, who: Principal, swap_id: UUID, override: str | None) -> int:
    """The superior's yes: the four plans change, within the policy's limits and the counter's minimum."""
    async with db.transaction() as tx:
        await directory.lock(tx)
        swap = await _swap(tx, swap_id, "agreed")
        if who.subject in (swap["asker_id"], swap["partner_id"]):
            raise Forbidden("swap.own")
        await _superior(tx, who, swap)
        dates = (swap["asker_date"], swap["partner_date"])
        if min(dates) < local_date(clock.now()):
            raise _wrong("my_date", "swap.past")
        rows = await _rows(tx, swap["asker_id"], swap["partner_id"], dates)
        await _limits(tx, rows)
        short = await changes.minimum_check(tx, rows, override)
        now = clock.now()
        if await plans.late_keys(tx, now, rows):
            raise _wrong("my_date", "swap.begun")
        changed = await plans.write(tx, now, rows, pinned=True)
        await swaps_store.set_swap(tx, swap_id, "approved", str(employee_of(who)), now)
        await plans.note(tx, now, who, "swap.approved", subject=swap_id, reason=override, overridden=len(short))
        return changed


async def _limits(tx: Tx, rows: list[Planned]) -> None:
    """409 where a limit of the policy in force bars who would be at home, or their week is full."""
    policies = await policies_store.current_policies(tx)
    for plan in rows:
        employee_id, day = plan.person_day
        policy = in_force(policies, plan.opd_code, day)
        if plan.mode != "WFH" or policy is None:
            continue
        wanted = Wanted(False, unit_ids=(plan.unit_id,))
        units = [unit async for part in rosters.units(tx, wanted, day, day) for unit in part]
        for unit in units:
            reason = next(
                (barred(person, unit, policy, day) for person in unit.people if person.employee_id == employee_id),
                None,
            )
            if reason is not None:
                raise Conflict("swap.barred", params={"reason": public_reason(reason), "date": day})
        most = policy.content.limits.max_days_per_week
        if most is not None and await _week(tx, rows, employee_id, day) > most:
            raise Conflict("swap.barred", params={"reason": public_reason("week_limit"), "date": day})


async def _week(tx: Tx, rows: list[Planned], employee_id: UUID, day: dt.date) -> int:
    """WFH days of a person in the week of `day`, as the swap would leave them."""
    monday = day - dt.timedelta(day.weekday())
    stored = await plans_store.plans_of(tx, employee_id, monday, monday + dt.timedelta(6))
    modes = {plan.work_date: plan.mode for plan in stored}
    modes |= {plan.work_date: plan.mode for plan in rows if plan.employee_id == employee_id}
    return sum(mode == "WFH" for date, mode in modes.items() if monday <= date <= monday + dt.timedelta(6))
