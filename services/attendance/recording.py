"""From what a phone or an officer says to a recorded punch: facts, decision, one insert, one event."""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID, uuid4

from services.attendance import domain, store
from services.attendance.domain import Person, Plan, Position, Timing
from services.attendance.store import PunchRow
from shared import outbox
from shared.database import Tx
from shared.dates import local_date
from shared.events import AttendanceRecorded, Place, PunchKind, Zone, source_of
from shared.outbox import Outgoing
from shared.refusals import Conflict, FieldError, Forbidden, Invalid, Missing, Refused

SOURCE = source_of("attendance")
VOUCHED = "vouched"
"""Flags a punch whose zone an officer stated."""


@dataclass(frozen=True, slots=True)
class Intake:
    """A punch that asks to be recorded. `at`, `work_date` and `zone` are given for `manual` ones only.

    `unusable` flags evidence that came and said nothing.
    """

    punch_id: UUID
    employee_id: UUID
    kind: PunchKind
    device_at: dt.datetime | None
    position: Position | None
    source: Literal["app", "offline", "manual"]
    received_at: dt.datetime
    traceparent: str | None
    at: dt.datetime | None = None
    work_date: dt.date | None = None
    zone: Zone | None = None
    unusable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recorded:
    """`created` is False when the same punch had been recorded before."""

    row: PunchRow
    created: bool


async def record(tx: Tx, items: Sequence[Intake]) -> Sequence[Recorded | Exception]:
    """Record punches and their events in `tx`; one result for each item, in order.

    The same punch again gives what was recorded first, whatever has changed since (and whether it comes
    alone or in an offline batch); its id with another body is a Conflict.
    """
    if not items:
        return []
    refused: dict[int, Refused] = {}
    fresh: dict[UUID, PunchRow] = {}
    traces: dict[UUID, str | None] = {}
    for index, row in await _decide(tx, items, refused):
        if fresh.setdefault(row.punch_id, row) is row:
            traces[row.punch_id] = items[index].traceparent
    created = await store.insert_punches(tx, list(fresh.values()))
    await outbox.add(
        tx,
        [
            Outgoing(_event(row), uuid4(), row.received_at, traces[row.punch_id])
            for row in fresh.values()
            if row.punch_id in created
        ],
        source=SOURCE,
    )
    earlier = {item.punch_id for item in items} - created
    held = await store.punches(tx, earlier) if earlier else {}
    results: list[Recorded | Exception] = []
    for index, item in enumerate(items):
        row = fresh[item.punch_id] if item.punch_id in created else held.get(item.punch_id)
        if row is None:
            results.append(refused[index])
        elif not _same(item, row):
            results.append(Conflict("punch.conflict", errors=[FieldError("punch_id", "punch.conflict")]))
        else:
            first = item.punch_id in created
            created.discard(item.punch_id)
            if first:
                held[item.punch_id] = row
            results.append(Recorded(row, first))
    return results


async def _decide(tx: Tx, items: Sequence[Intake], refused: dict[int, Refused]) -> list[tuple[int, PunchRow]]:
    """The rows that the items become; why an item cannot become one goes to `refused`, by its index."""
    timings = await _timings(tx, items)
    people = await store.people(tx, {item.employee_id for item in items})
    dates = [local_date(timing.at) for timing in timings]
    plans = await store.plans(tx, people, min(dates) - domain.PLANS_BEFORE, max(dates) + domain.PLANS_AFTER)
    judged: list[tuple[int, dt.date, str, str]] = []
    for index, (item, timing) in enumerate(zip(items, timings, strict=True)):
        person = people.get(item.employee_id)
        if person is None:
            refused[index] = Missing("punch.unknown_employee")
            continue
        problem = _refusal(item, person)
        if problem is not None:
            refused[index] = problem
            continue
        own = plans.get(item.employee_id, {})
        work_date = item.work_date or domain.work_date_of(item.kind, timing.at, domain.near(timing.at, own))
        posting: Plan | Person = own.get(work_date, person)
        judged.append((index, work_date, posting.opd_code, posting.unit_id))
    places: dict[str, list[Place]] = defaultdict(list)
    places |= await store.places(tx, {unit_id for *_, unit_id in judged})
    rows: list[tuple[int, PunchRow]] = []
    for index, work_date, opd_code, unit_id in judged:
        item, timing, position = items[index], timings[index], items[index].position
        rows.append(
            (
                index,
                PunchRow(
                    punch_id=item.punch_id,
                    employee_id=item.employee_id,
                    opd_code=opd_code,
                    unit_id=unit_id,
                    work_date=work_date,
                    kind=item.kind,
                    at=timing.at,
                    received_at=item.received_at,
                    device_at=item.device_at,
                    zone=item.zone
                    or domain.zone_of(position, places[unit_id], people[item.employee_id].remote_places),
                    source=item.source,
                    flags=[*timing.flags, *item.unusable, *([VOUCHED] if item.zone else [])],
                    lat=position.lat if position else None,
                    lon=position.lon if position else None,
                    accuracy_m=position.accuracy_m if position else None,
                    time_trust=timing.trust,
                ),
            )
        )
    return rows


async def _timings(tx: Tx, items: Sequence[Intake]) -> list[Timing]:
    offline = {item.employee_id for item in items if item.source == "offline"}
    offsets = await store.clock_offsets(tx, offline) if offline else {}
    timings: list[Timing] = []
    for item in items:
        if item.at is not None:
            timings.append(Timing(item.at, "server"))
        elif item.source == "offline" and item.device_at is not None:
            last = offsets.get(item.employee_id)
            timings.append(domain.offline_timing(item.device_at, item.received_at, last))
        else:
            timings.append(domain.online_timing(item.device_at, item.received_at))
    return timings


def _refusal(item: Intake, person: Person) -> Refused | None:
    if not person.active and item.source != "manual":
        return Forbidden("punch.inactive_employee")
    if item.source == "offline" and item.device_at is None:
        return Invalid("validation", errors=[FieldError("device_at", "punch.device_at_needed")])
    return None


def _same(item: Intake, row: PunchRow) -> bool:
    """Is `item` a retry of `row`? What the caller says is compared, not what the server added."""
    position = (item.position.lat, item.position.lon, item.position.accuracy_m) if item.position else (None,) * 3
    return (
        item.employee_id == row.employee_id
        and item.kind == row.kind
        and item.device_at == row.device_at
        and position == (row.lat, row.lon, row.accuracy_m)
        and (item.source == "manual") == (row.source == "manual")
        and (item.at is None or item.at == row.at)
        and (item.work_date is None or item.work_date == row.work_date)
        and (item.zone == row.zone if item.zone else VOUCHED not in row.flags)
        and set(item.unusable) == set(row.flags) & {"bad_position", "bad_device_at"}
    )


def _event(row: PunchRow) -> AttendanceRecorded:
    return AttendanceRecorded(
        punch_id=row.punch_id,
        employee_id=row.employee_id,
        opd_code=row.opd_code,
        unit_id=row.unit_id,
        work_date=row.work_date,
        kind=row.kind,
        at=row.at,
        received_at=row.received_at,
        device_at=row.device_at,
        zone=row.zone,
        source=row.source,
        flags=list(row.flags),
        time_trust=row.time_trust,
    )
