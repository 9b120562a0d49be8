"""Two people change days: one asks, the other agrees, their superior approves; wishes, and pairs kept apart."""

import datetime as dt
from typing import Any
from uuid import UUID, uuid4

from services.scheduling.commands import changes, plans, publish
from services.scheduling.commands.access import superior_of
from services.scheduling.domain.frame import barred
from services.scheduling.domain.partners import handle, is_handle
from services.scheduling.domain.planning import public_reason
from services.scheduling.domain.plans import Planned
from services.scheduling.domain.policies import in_force
from services.scheduling.domain.spans import Days
from services.scheduling.store import directory, people, rosters
from services.scheduling.store import plans as plans_store
from services.scheduling.store import policies as policies_store
from services.scheduling.store import swaps as store
from services.scheduling.store.rosters import Wanted
from services.scheduling.store.swaps import Swap
from services.scheduling.views.swaps import Pair, Wish
from shared import audit
from shared.access import Principal, employee_of, own_opd
from shared.clock import Clock
from shared.database import Database, Tx
from shared.dates import local_date
from shared.events import AbsenceDecided
from shared.refusals import Conflict, FieldError, Forbidden, Invalid, or_missing
from shared.requests import Decision


def _wrong(field: str, code: str, **params: Any) -> Invalid:
    return Invalid("validation", errors=[FieldError(field, code, params)])


MOST_ASKED = 10
"""Swaps that a person asks for and nobody has answered: who asks a colleague learns who they are."""


async def ask(
    db: Database, clock: Clock, who: Principal, partner: UUID | str, *, my_date: dt.date, their_date: dt.date
) -> UUID:
    """Offer one's own WFH day for a WFH day of a colleague of the same unit: by id, or as the list of partners has
    them."""
    me = employee_of(who)
    async with db.transaction() as tx:
        if await store.asked_by(tx, me, local_date(clock.now())) >= MOST_ASKED:
            raise Conflict("swap.too_many", params={"most": MOST_ASKED})
        if isinstance(partner, str):
            partner_id = await _found(tx, clock, me, partner, my_date=my_date, their_date=their_date)
        else:
            partner_id = partner
        swap = Swap(uuid4(), me, partner_id, my_date, their_date, "asked")
        mine, theirs = await people.person(tx, me), await people.person(tx, partner_id)
        if theirs is None or mine is None or theirs.unit_id != mine.unit_id or partner_id == me:
            raise _wrong("partner_id", "swap.partner")
        if my_date == their_date:
            raise _wrong("their_date", "swap.same_date")
        for field, day in (("my_date", my_date), ("their_date", their_date)):
            if day < local_date(clock.now()):
                raise _wrong(field, "swap.past")
        if await plans.late_keys(tx, clock.now(), await _rows(tx, swap)):
            raise _wrong("my_date", "swap.begun")
        now, dates = clock.now(), (my_date, their_date)
        await store.add_swap(tx, swap, now)
        await audit.add(
            tx,
            now,
            who,
            "swap.asked",
            subject=swap.swap_id,
            reason=None,
            detail={"asker": me, "partner": partner_id, "dates": dates},
        )
        return swap.swap_id


async def _found(tx: Tx, clock: Clock, me: UUID, partner: str, *, my_date: dt.date, their_date: dt.date) -> UUID:
    """Who stands behind a handle of the list of partners. Raises Invalid for one of another list or day."""
    key = await store.key(tx)
    for one in await store.partners(tx, me, my_date, Days(their_date, their_date), clock.now()):
        if is_handle(partner, handle(key, me, one.employee_id, my_date, their_date)):
            return one.employee_id
    raise _wrong("partner", "swap.handle")


async def _rows(tx: Tx, swap: Swap) -> list[Planned]:
    """The four changed plans. Raises Invalid unless the plans still are what the swap is about."""
    expected = (
        ("my_date", swap.asker_id, swap.asker_date, "WFH", "WFO"),
        ("my_date", swap.partner_id, swap.asker_date, "WFO", "WFH"),
        ("their_date", swap.partner_id, swap.partner_date, "WFH", "WFO"),
        ("their_date", swap.asker_id, swap.partner_date, "WFO", "WFH"),
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
        if swap.partner_id != employee_of(who):
            raise Forbidden("swap.not_partner")
        await store.set_swap(tx, swap_id, "agreed", str(employee_of(who)), clock.now())
        await audit.add(tx, clock.now(), who, "swap.agreed", subject=swap_id, reason=None)


async def refuse(db: Database, clock: Clock, who: Principal, swap_id: UUID) -> None:
    """A no of either person or of a superior."""
    async with db.transaction() as tx:
        swap = await _swap(tx, swap_id, "asked", "agreed")
        if who.subject not in (swap.asker_id, swap.partner_id):
            await _by_superior(tx, who, swap)
        await store.set_swap(tx, swap_id, "refused", str(employee_of(who)), clock.now())
        await audit.add(tx, clock.now(), who, "swap.refused", subject=swap_id, reason=None)
        await _tell(tx, clock.now(), who, swap, "refused")


async def _tell(tx: Tx, now: dt.datetime, who: Principal, swap: Swap, state: Decision) -> None:
    """Publish what became of a swap, for each of the two who does not know it: a colleague who has not said yes
    waits for nothing, and nobody is told what they did themselves."""
    both = (swap.asker_id,) if swap.status == "asked" else (swap.asker_id, swap.partner_id)
    events = [
        AbsenceDecided(
            request_id=swap.swap_id,
            employee_id=person,
            kind="swap",
            work_date=min(swap.asker_date, swap.partner_date),
            last_date=max(swap.asker_date, swap.partner_date),
            state=state,
            decided_at=now,
            revision=1,
        )
        for person in both
        if person != who.subject
    ]
    await publish.send(tx, events, now)


async def _swap(tx: Tx, swap_id: UUID, *statuses: str) -> Swap:
    swap = or_missing(await store.swap(tx, swap_id))
    if swap.status not in statuses:
        raise Conflict("swap.status", params={"status": swap.status})
    return swap


async def _by_superior(tx: Tx, who: Principal, swap: Swap) -> None:
    """Raises Forbidden unless the caller answers for the asker."""
    await superior_of(tx, who, or_missing(await people.person(tx, swap.asker_id)))


async def approve(db: Database, clock: Clock, who: Principal, swap_id: UUID, override: str | None) -> int:
    """The superior's yes: the four plans change, within the policy's limits and the counter's minimum."""
    async with db.transaction() as tx:
        await directory.lock(tx)
        swap = await _swap(tx, swap_id, "agreed")
        if who.subject in (swap.asker_id, swap.partner_id):
            raise Forbidden("swap.own")
        await _by_superior(tx, who, swap)
        if min(swap.asker_date, swap.partner_date) < local_date(clock.now()):
            raise _wrong("my_date", "swap.past")
        rows = await _rows(tx, swap)
        await _limits(tx, rows)
        short = await changes.minimum_check(tx, rows, override)
        now = clock.now()
        if await plans.late_keys(tx, now, rows):
            raise _wrong("my_date", "swap.begun")
        changed = await plans.write(tx, now, rows, pinned=True)
        await store.set_swap(tx, swap_id, "approved", str(employee_of(who)), now)
        await audit.add(
            tx, now, who, "swap.approved", subject=swap_id, reason=override, detail={"overridden": len(short)}
        )
        await _tell(tx, now, who, swap, "granted")
        return changed


async def _limits(tx: Tx, rows: list[Planned]) -> None:
    """Raises Conflict where a limit of the policy in force bars who would be at home, or their week is full."""
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


async def set_wish(db: Database, clock: Clock, who: Principal, wish: Wish) -> None:
    """A request for a date to come. Raises Missing for a stranger."""
    now, me = clock.now(), employee_of(who)
    if wish.work_date <= local_date(now):
        raise _wrong("work_date", "wish.past")
    async with db.transaction() as tx:
        or_missing(await people.person(tx, me), "directory.unknown")
        await store.set_wish(tx, me, wish.work_date, mode=wish.mode, weight=wish.weight, at=now)
        detail = {"date": wish.work_date, "mode": wish.mode, "weight": wish.weight}
        await audit.add(tx, now, who, "wish.given", subject=me, reason=None, detail=detail)


async def drop_wish(db: Database, clock: Clock, who: Principal, day: dt.date) -> None:
    """Take a request back."""
    me = employee_of(who)
    async with db.transaction() as tx:
        await store.drop_wish(tx, me, day)
        await audit.add(tx, clock.now(), who, "wish.dropped", subject=me, reason=None, detail={"date": day})


async def keep_apart(db: Database, clock: Clock, who: Principal, pair: Pair) -> None:
    """Name two people of a unit of whom one is always at the office."""
    first, second = pair.employee_ids
    async with db.transaction() as tx:
        for index, employee_id in enumerate(pair.employee_ids):
            person = await people.person(tx, employee_id)
            own_opd(who, [person.opd_code] if person else [], everybody=person is None)
            if person is None or person.unit_id != pair.unit_id or first == second:
                raise _wrong(f"employee_ids.{index}", "apart.unit")
        await store.set_apart(tx, pair.unit_id, first, second, pair.reason)
        now, both = clock.now(), [first, second]
        await audit.add(
            tx, now, who, "apart.named", subject=pair.unit_id, reason=pair.reason, detail={"people": both}
        )
