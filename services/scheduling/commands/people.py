"""The directory over time: transfers, departures, posts, discipline, acting deputies, erasure.

What begins later waits as data; a timer puts it in force on its date and publishes the entries that changed.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from services.scheduling.commands import plans, publish
from services.scheduling.domain.plans import Planned
from services.scheduling.domain.superiors import loops
from services.scheduling.store import directory
from services.scheduling.store import people as store
from services.scheduling.store import plans as plans_store
from services.scheduling.store.people import ActingPeriod, PersonRow, PostingChange
from services.scheduling.views import superiors
from services.scheduling.views.answer import dated, some
from services.scheduling.views.people import ChangedPosting
from shared import audit, requests
from shared.access import Principal, employee_of
from shared.clock import Clock
from shared.database import Database, Tx
from shared.dates import local_date
from shared.events import EmployeeChanged
from shared.outbox import Outgoing, add
from shared.refusals import Conflict, FieldError, Invalid, Missing


def _wrong(field: str, code: str, **params: Any) -> Invalid:
    return Invalid("validation", errors=[FieldError(field, code, params)])


async def _known(tx: Tx, field: str, employee_id: UUID) -> PersonRow:
    person = await store.person(tx, employee_id)
    if person is None:
        raise _wrong(field, "directory.unknown")
    return person


@dataclass(frozen=True, slots=True)
class Posting:
    """What changes about a person from a date on; `body` holds the fields that change."""

    employee_id: UUID
    kind: str
    effective_from: dt.date
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Acting:
    """A deputy for an absent superior, both dates included."""

    absent_id: UUID
    deputy_id: UUID
    kind: str
    first: dt.date
    last: dt.date
    letter: str | None


async def change_posting(db: Database, clock: Clock, who: Principal, posting: Posting) -> ChangedPosting:
    """Record a transfer, departure, new post or discipline; in force at once when its date has come."""
    employee_id, kind, day, body = posting.employee_id, posting.kind, posting.effective_from, posting.body
    async with db.transaction() as tx:
        await directory.lock(tx)
        if not (await _known(tx, "employee_id", employee_id)).active:
            raise _wrong("employee_id", "directory.departed")
        await _check_posting(tx, employee_id, body)
        waiting = await store.changes_of(tx, employee_id)
        if any((due.status, due.effective_from, due.kind) == ("due", day, kind) for due in waiting):
            raise Conflict("posting.twice", errors=[FieldError("effective_from", "posting.twice")])
        freed: list[Planned] = []
        if kind == "departure":
            body = {"active": False}
        elif kind in ("transfer", "post"):
            body = {**body, "post_since": str(day)}
        change_id, now = uuid4(), clock.now()
        leavers = await superiors.of_posting(tx, employee_id, kind, body)
        left_behind = await superiors.left_behind(tx, leavers)
        first = max(day, local_date(clock.now()))
        needing = await _out_of_date(tx, employee_id, first, body)
        change = PostingChange(change_id, employee_id, day, kind, body, "due")
        await store.add_change(tx, change, now, str(employee_of(who)))
        await audit.add(
            tx,
            now,
            who,
            f"posting.{kind}",
            subject=employee_id,
            reason=None,
            detail={"effective_from": day, "body": body},
        )
        await in_force(tx, clock)
        if kind == "departure":
            freed = _freed(await plans_store.coming_plans(tx, employee_id, first))
            await plans.write(tx, now, freed)
        around = [employee_id, *(person.employee_id for left in left_behind for person in left.people)]
        return ChangedPosting(
            change_id=change_id,
            left_behind=some(left_behind),
            without_superior=some(await superiors.without_superior(tx, around)),
            plans=len(freed),
            needs_roster=dated(needing),
        )


async def _out_of_date(
    tx: Tx, employee_id: UUID, first: dt.date, body: dict[str, Any]
) -> Sequence[tuple[dt.date, int]]:
    """(date, plans) from `first` on that were made for another unit or other hours than the change gives."""
    if body.get("timetable"):
        return await plans_store.needing_of(tx, [employee_id], first)
    if body.get("unit_id"):
        return await plans_store.needing_of(tx, [employee_id], first, unit_id=body["unit_id"])
    return []


async def _check_posting(tx: Tx, employee_id: UUID, body: dict[str, Any]) -> None:
    known = await directory.known(tx)
    unit_id = body.get("unit_id")
    if unit_id is not None:
        if unit_id not in known.unit_opd:
            raise _wrong("unit_id", "scope.unknown_unit", id=unit_id)
        body["opd_code"] = known.unit_opd[unit_id]
    heads: list[str] = body.get("heads") or []
    for head in heads:
        if head not in known.unit_opd and head not in known.opds:
            raise _wrong("heads", "import.unknown_head")
    if unit_id is not None and (outside := superiors.elsewhere(heads, body["opd_code"], known.unit_opd)):
        raise _wrong("heads", "posting.heads_elsewhere", heads=", ".join(outside), opd=body["opd_code"])
    superior = body.get("supervisor_id")
    if superior is not None:
        await _known(tx, "supervisor_id", superior)
        bosses = {**await store.supervisors(tx), employee_id: superior}
        ring = next((one for one in loops(bosses) if employee_id in one), None)
        if ring is not None:
            raise _wrong("supervisor_id", "import.supervisor_loop", length=len(ring))


def _freed(stored: Sequence[Planned]) -> list[Planned]:
    """Who has left has no plans: what stands becomes a free day."""
    return [plan.without_hours("OFF", "departed") for plan in stored]


async def in_force(tx: Tx, clock: Clock) -> int:
    """Apply what is due and publish every entry that differs from the published one. Returns how many."""
    for change in await store.take_due(tx, local_date(clock.now())):
        await store.apply_change(tx, change)
    await plans.write(tx, clock.now(), await days_of_departed(tx, local_date(clock.now())))
    return (await publish.directory_changes(tx, clock.now())).count


async def days_of_departed(tx: Tx, day: dt.date) -> list[Planned]:
    """Plans from `day` on of people who have left, by an import or on their date, as free days to write."""
    return _freed(await plans_store.plans_of_departed(tx, day))


async def appoint(db: Database, clock: Clock, who: Principal, acting: Acting) -> UUID:
    """An acting period: the deputy reviews and is told in the absent superior's place."""
    absent_id, deputy_id, span = acting.absent_id, acting.deputy_id, (acting.first, acting.last)
    async with db.transaction() as tx:
        await directory.lock(tx)
        await _known(tx, "absent_id", absent_id)
        deputy = await _known(tx, "deputy_id", deputy_id)
        if absent_id == deputy_id:
            raise _wrong("deputy_id", "acting.self")
        if not deputy.active:
            raise _wrong("deputy_id", "directory.departed")
        other = await store.acting_overlap(tx, absent_id, *span)
        if other is not None:
            params = {"start": other.first, "end": other.last}
            raise Conflict("acting.overlap", params=params, errors=[FieldError("from", "acting.overlap", params)])
        acting_id, now = uuid4(), clock.now()
        period = ActingPeriod(acting_id, absent_id, deputy_id, acting.kind, *span, acting.letter)
        await store.add_acting(tx, period, now, str(employee_of(who)))
        await audit.add(
            tx,
            now,
            who,
            "acting.given",
            subject=absent_id,
            reason=acting.letter,
            detail={"deputy": deputy_id, "span": span},
        )
        await in_force(tx, clock)
        return acting_id


async def end_acting(db: Database, clock: Clock, who: Principal, acting_id: UUID) -> None:
    """The period holds no longer."""
    async with db.transaction() as tx:
        await directory.lock(tx)
        if not await store.cancel_acting(tx, acting_id):
            raise Missing("not_found")
        await audit.add(tx, clock.now(), who, "acting.ended", subject=acting_id, reason=None)
        await in_force(tx, clock)


async def cancel_posting(db: Database, clock: Clock, who: Principal, change_id: UUID) -> None:
    """A change that still waits is taken back."""
    async with db.transaction() as tx:
        await directory.lock(tx)
        if not await store.cancel_change(tx, change_id):
            raise Conflict("posting.applied")
        await audit.add(tx, clock.now(), who, "posting.cancelled", subject=change_id, reason=None)


async def set_remote_places(
    db: Database, clock: Clock, who: Principal, employee_id: UUID, places: list[dict[str, float]]
) -> None:
    """The places where a person may be when at home; all of them."""
    async with db.transaction() as tx:
        await directory.lock(tx)
        await _known(tx, "employee_id", employee_id)
        await store.set_remote_places(tx, employee_id, places)
        await audit.add(
            tx,
            clock.now(),
            who,
            "remote_places.set",
            subject=employee_id,
            reason=None,
            detail={"count": len(places)},
        )
        await publish.directory_changes(tx, clock.now())


async def erase(db: Database, clock: Clock, who: Principal, employee_id: UUID, reason: str) -> None:
    """Delete a departed person's data and publish the tombstone. Their plans stay: they name no person."""
    async with db.transaction() as tx:
        await directory.lock(tx)
        if not await _erase(tx, clock.now(), who, employee_id, reason):
            raise Conflict("directory.not_departed")


async def _erase(tx: Tx, now: dt.datetime, who: Principal, employee_id: UUID, reason: str) -> bool:
    if not await store.erase(tx, employee_id):
        return False
    tombstone = Outgoing(None, uuid4(), now, topic=EmployeeChanged.topic, key=str(employee_id))
    await add(tx, [tombstone], source=publish.SOURCE)
    await requests.forget(tx, [employee_id])
    await audit.add(tx, now, who, "employee.erased", subject=employee_id, reason=reason)
    await publish.directory_changes(tx, now)
    return True


async def erase_again(
    db: Database, clock: Clock, who: Principal, employees: Sequence[UUID], reason: str
) -> list[UUID]:
    """Erase those whom a restore has brought back; returns who was there. Whoever was still at work at the instant
    that was restored had left by the time of the erasure."""
    async with db.transaction() as tx:
        await directory.lock(tx)
        return [
            employee
            for employee in employees
            if await store.depart(tx, employee) and await _erase(tx, clock.now(), who, employee, reason)
        ]


async def publish_again(db: Database, clock: Clock, who: Principal) -> publish.Sent:
    """Publish the whole directory and the calendar once more, each entry with its next revision."""
    async with db.transaction() as tx:
        await directory.lock(tx)
        await store.forget_published(tx)
        await audit.add(tx, clock.now(), who, "directory.published", subject="-", reason=None)
        return await publish.directory_changes(tx, clock.now())
