"""Looking at punches after the fact for what speaks against their place, and deciding on what was found."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from services.attendance.commands import Act, corrections, punches
from services.attendance.domain import flags as domain
from services.attendance.domain.flags import HABITS, Asked, DecisionIn, Finding, Kind, Thresholds
from services.attendance.store import flags as store
from services.attendance.store import punches as stored
from services.attendance.store import reviews
from services.attendance.store.tables import Flag
from services.attendance.views.flags import asked_by, is_seen
from shared import audit
from shared.database import Tx
from shared.refusals import Conflict, FieldError, Forbidden, Missing
from shared.settings import Settings


def thresholds(settings: Settings) -> Thresholds:
    """From when on something is worth a look, as the city has set it."""
    return Thresholds(
        days=settings.flag_days,
        same_people=settings.flag_same_people,
        same_days=settings.flag_same_days,
        speed_kmh=settings.flag_speed_kmh,
        speed_km=settings.flag_speed_km,
        accuracy_repeats=settings.flag_accuracy_repeats,
        accuracies=settings.flag_accuracies,
        usual_accuracies=settings.flag_usual_accuracies,
        device_people=settings.flag_device_people,
    )


@dataclass(frozen=True, slots=True)
class Judged:
    """How many punches were looked at, and the kinds of the flags that are new or have grown."""

    punches: int
    raised: Sequence[Kind] = ()


async def judge(tx: Tx, now: dt.datetime, limits: Thresholds, *, most: int) -> Judged:
    """Look at the oldest `most` punches that nobody has looked at; none while another process does.

    What it costs depends on their number alone: each is compared with a bounded number of others.
    """
    if not await store.alone(tx):
        return Judged(0)
    taken = await store.take(tx, most)
    networks = await store.networks(tx, taken)
    punches = [replace(one.seen, network=networks.get(one.seen.punch_id)) for one in taken]
    placed = [one for one in punches if one.position is not None]
    at_same = await store.at_same_position(tx, [one for one in placed if one.fine], limits.days)
    with_same = await store.with_same_device(tx, punches, limits.days)
    neighbours = await store.neighbours(tx, placed)
    before = await store.before(tx, placed, limits.days, limits.accuracy_repeats - 1)
    found: list[Finding] = []
    for one in punches:
        found += domain.mocked(one)
        found += domain.same_position(one, at_same.get(one.punch_id, []), limits)
        found += domain.impossible_speed(one, neighbours.get(one.punch_id, []), limits)
        found += domain.constant_accuracy(one, before.get(one.punch_id, []), limits)
        found += domain.default_accuracy(one, limits)
        found += domain.shared_device(one, with_same.get(one.punch_id, []), limits)
        found += domain.network(one)
    if not found:
        return Judged(len(taken))
    due_at = await reviews.due(tx, now)
    since = now - dt.timedelta(days=limits.days)
    raised: list[Kind] = []
    for some in _apart(found):
        raised += await store.put(tx, some, now=now, due_at=due_at, asked_since=since)
    return Judged(len(taken), raised)


def _apart(found: Sequence[Finding]) -> list[list[Finding]]:
    """The findings in groups, each of which one statement can write: each flag once in it. Of a habit the last
    counts, as it would one after the other."""
    habits: dict[tuple[UUID, Kind], Finding] = {}
    groups: list[dict[UUID, Finding]] = [{}]
    for one in found:
        if one.kind in HABITS:
            known = habits.get((one.punch.employee_id, one.kind))
            if known is None or known.punch.at <= one.punch.at:
                habits[one.punch.employee_id, one.kind] = one
            continue
        group = next((group for group in groups if one.flag_id not in group), None)
        if group is None:
            groups.append(group := {})
        group[one.flag_id] = one
    groups[0] |= {one.flag_id: one for one in habits.values()}
    return [list(group.values()) for group in groups if group]


async def decide(tx: Tx, act: Act, flag_id: UUID, given: DecisionIn) -> tuple[Flag, bool]:
    """Decide on a flag; it and whether that is new. The same decision again changes nothing.

    Only a zone that is vouched for changes a record: each punch of the flag that says another zone is voided and
    recorded again with this one, its time untouched. Raises Refused.
    """
    flag = await store.lock(tx, flag_id)
    asked = asked_by(act.who, act.now)
    if flag is not None and flag.employee_id == asked.me:
        raise Forbidden("flag.own")
    if flag is None or not await is_seen(tx, act.who, flag):
        raise Missing("flag.not_found")
    if flag.decision is not None:
        if (flag.decision, flag.zone, flag.reason, flag.decided_by) == (
            given.decision,
            given.zone,
            given.reason,
            act.officer,
        ):
            return flag, False
        raise Conflict("flag.decided", errors=[FieldError("decision", "flag.decided")])
    await _may_decide(tx, asked, flag)
    corrected = await _correct(tx, act, flag, given) if given.zone is not None else {}
    flag.decision, flag.zone, flag.reason = given.decision, given.zone, given.reason
    flag.decided_at, flag.decided_by = act.now, act.officer
    tx.session.add(flag)
    detail = {
        "employee_id": str(flag.employee_id),
        "work_date": flag.work_date.isoformat(),
        "kind": flag.kind,
        "zone": given.zone,
        "corrected": {str(old): str(new) for old, new in corrected.items()},
    }
    await audit.add(
        tx, act.now, act.who, f"flag.{given.decision}", subject=flag_id, reason=given.reason, detail=detail
    )
    return flag, True


async def _may_decide(tx: Tx, asked: Asked, flag: Flag) -> None:
    if asked.me in flag.others:
        raise Forbidden("flag.involved")
    if not await store.may_decide(tx, asked, flag.flag_id):
        raise Forbidden("flag.waits_for_superior")


async def _correct(tx: Tx, act: Act, flag: Flag, given: DecisionIn) -> dict[UUID, UUID]:
    """Punches that say another zone than the one vouched for, and what stands in their place."""
    corrected: dict[UUID, UUID] = {}
    for punch_id in sorted(flag.punch_ids):
        row = (await stored.stored(tx, [punch_id]))[punch_id]
        if row.zone == given.zone or given.zone is None:
            continue
        _, new = await corrections.void(tx, act, punch_id, given.reason)
        if new:
            corrected[punch_id] = await punches.placed(tx, row, given.zone, act.now)
    return corrected
