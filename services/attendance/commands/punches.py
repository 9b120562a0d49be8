"""From what a phone or an officer says to a recorded punch: facts, decision, one insert, one event."""

import datetime as dt
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import get_args
from uuid import UUID, uuid4, uuid5

from msgspec import Struct, field
from msgspec.structs import replace

from services.attendance.commands import SOURCE
from services.attendance.domain import devices, taps
from services.attendance.domain import punches as domain
from services.attendance.domain.devices import Exchange, Moment
from services.attendance.domain.punches import Flag, Plan, Position, Posted, Source, Timing, Unusable
from services.attendance.store import devices as exchanges
from services.attendance.store import directory
from services.attendance.store import punches as store
from services.attendance.store.punches import EVIDENCE, PunchRow
from shared import outbox, trace
from shared.database import Tx
from shared.dates import local_date
from shared.events import AttendanceRecorded, Place, PunchKind, Zone
from shared.outbox import Outgoing
from shared.refusals import Conflict, FieldError, Forbidden, Invalid, Missing, Refused

_COMPARED = set(get_args(Unusable)) - {"bad_device", "bad_signals"}
VOUCHED: Flag = "vouched"
"""Flags a punch whose zone an officer stated."""


@dataclass(frozen=True, slots=True)
class Stated:
    """What an officer says of a `manual` punch; the plans tell a work date that is left out."""

    at: dt.datetime
    work_date: dt.date | None
    zone: Zone | None


@dataclass(frozen=True, slots=True)
class Tapped:
    """What a terminal says of a punch: when, as far as its clock is believed, and at whose door it hangs."""

    timing: Timing
    unit_id: str


class Intake(Struct, frozen=True, gc=False):
    """A punch that asks to be recorded; a `manual` one is `stated`, one of a `terminal` is `tapped`."""

    punch_id: UUID
    employee_id: UUID
    kind: PunchKind
    device_at: dt.datetime | None
    position: Position | None
    source: Source
    received_at: dt.datetime
    stated: Stated | None = None
    tapped: Tapped | None = None
    unusable: tuple[Unusable, ...] = ()
    trace: str | None = field(default_factory=trace.current)
    """Of the request that asks: punches of many are recorded at once."""
    device: Moment | None = None
    """What the device counted when it was made."""
    handed_over: Moment | None = None
    """And when it was handed over, where the app says so."""
    mock: bool | None = None
    address: str | None = None


class Recorded(Struct, frozen=True, gc=False):
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
    decisions = await _decide(tx, items)
    fresh: dict[UUID, PunchRow] = {}
    traces: dict[UUID, str | None] = {}
    for item, decision in zip(items, decisions, strict=True):
        if isinstance(decision, PunchRow) and fresh.setdefault(item.punch_id, decision) is decision:
            traces[item.punch_id] = item.trace
    created = await store.insert(tx, list(fresh.values()))
    rows = {punch_id: row for punch_id, row in fresh.items() if punch_id in created}
    await outbox.add(
        tx,
        [
            Outgoing(
                AttendanceRecorded.model_validate(row, from_attributes=True),
                uuid4(),
                row.received_at,
                traces[row.punch_id],
            )
            for row in rows.values()
        ],
        source=SOURCE,
    )
    await exchanged(tx, _exchanges(items, created))
    earlier = {item.punch_id for item in items} - created
    if earlier:
        rows |= await store.stored(tx, earlier)
    results: list[Recorded | Exception] = []
    for item, decision in zip(items, decisions, strict=True):
        row = rows.get(item.punch_id, decision)
        if isinstance(row, Refused):
            results.append(row)
        elif not _same(item, row):
            results.append(Conflict("punch.conflict", errors=[FieldError("punch_id", "punch.conflict")]))
        else:
            results.append(Recorded(row, item.punch_id in created))
            created.discard(item.punch_id)
    return results


async def placed(tx: Tx, row: PunchRow, zone: Zone, now: dt.datetime) -> UUID:
    """Record a punch that was voided again, in the zone that an officer states; the id of what now stands.

    When it was, and how far that is believed, stay: an officer who knows the place has seen no clock.
    """
    again = replace(
        row,
        punch_id=uuid5(row.punch_id, VOUCHED),
        zone=zone,
        flags=[*(flag for flag in row.flags if flag != VOUCHED), VOUCHED],
        **dict.fromkeys(EVIDENCE),
    )
    await store.insert(tx, [again])
    event = AttendanceRecorded.model_validate(again, from_attributes=True)
    await outbox.add(tx, [Outgoing(event, uuid4(), now, trace.current())], source=SOURCE)
    return again.punch_id


async def exchanged(tx: Tx, told: Sequence[Exchange]) -> Sequence[None]:
    """Keep what connected calls said of their devices: each came when the device counted so."""
    if told:
        await exchanges.keep(tx, devices.newest(told))
    return [None] * len(told)


def _exchanges(items: Sequence[Intake], created: Set[UUID]) -> list[Exchange]:
    """What the connected punches among those recorded now say of their devices."""
    return [
        Exchange(
            item.employee_id,
            item.device,
            item.received_at,
            item.received_at - item.device_at if item.device_at else None,
        )
        for item in items
        if item.device is not None and item.source == "app" and item.punch_id in created
    ]


class _Posting(Struct, frozen=True, gc=False):
    """When a punch was, and where its person was posted on the work date that it belongs to."""

    person: Posted
    timing: Timing
    work_date: dt.date
    opd_code: str
    unit_id: str


async def _decide(tx: Tx, items: Sequence[Intake]) -> list[PunchRow | Refused]:
    """What each item becomes: the row to store, or why there is none."""
    timings = await _timings(tx, items)
    # What has no time is refused below; until then any will do.
    instants = [timing.at if timing else item.received_at for item, timing in zip(items, timings, strict=True)]
    dates = {local_date(at) for at in instants}
    people = await directory.posted(
        tx,
        {item.employee_id for item in items},
        (min(dates) - domain.PLANS_BEFORE, max(dates) + domain.PLANS_AFTER),
        dates | {item.stated.work_date for item in items if item.stated and item.stated.work_date},
        (min(instants) - domain.REACH, max(instants) + domain.REACH),
    )
    postings = [
        _posting(item, timing, people.get(item.employee_id)) for item, timing in zip(items, timings, strict=True)
    ]
    units = {where.unit_id for where in postings if isinstance(where, _Posting)}
    places = await directory.places(tx, units | {item.tapped.unit_id for item in items if item.tapped})
    return [
        posting if isinstance(posting, Refused) else _row(item, posting, places)
        for item, posting in zip(items, postings, strict=True)
    ]


async def _timings(tx: Tx, items: Sequence[Intake]) -> list[Timing | None]:
    """When each happened; None of a punch made offline of which nothing tells."""
    offline = [item for item in items if item.source == "offline"]
    nameless = {item.employee_id for item in offline if item.device is None}
    offsets = await store.clock_offsets(tx, nameless) if nameless else {}
    named = {item.punch_id: (item.employee_id, item.device) for item in offline if item.device is not None}
    last = await exchanges.last(tx, {moment.device_id for _, moment in named.values()}) if named else {}
    # Of each person's alone: what others say of a device is no evidence against its owner.
    moments: dict[UUID, list[Moment]] = {}
    for whose, moment in named.values():
        moments.setdefault(whose, []).append(moment)
    confused = {whose: devices.confused(of_person) for whose, of_person in moments.items()}
    timings: list[Timing | None] = []
    for item in items:
        if item.stated is not None:
            timings.append(Timing(item.stated.at, "server"))
        elif item.tapped is not None:
            timings.append(item.tapped.timing)
        elif item.source != "offline":
            timings.append(domain.online_timing(item.device_at, item.received_at))
        elif item.device is not None:
            known = last.get(item.device.device_id)
            doubt = known and (
                devices.doubt(item.device, item.employee_id, item.received_at, known, item.handed_over)
                or confused[item.employee_id].get(item.device)
            )
            timings.append(devices.timing(item.device, item.device_at, item.received_at, known, doubt))
        elif item.device_at is not None:
            timings.append(domain.offline_timing(item.device_at, item.received_at, offsets.get(item.employee_id)))
        else:
            timings.append(None)
    return timings


def _posting(item: Intake, timing: Timing | None, person: Posted | None) -> _Posting | Refused:
    if person is None:
        return Missing("punch.unknown_employee")
    if not person.active and item.source != "manual":
        return Forbidden("punch.inactive_employee")
    if timing is None:
        return Invalid("validation", errors=[FieldError("device_at", "punch.device_at_needed")])
    stated = item.stated.work_date if item.stated else None
    work_date = stated or domain.work_date_of(item.kind, timing.at, domain.near(timing.at, person.plans))
    place: Plan | Posted = person.plans.get(work_date, person)
    return _Posting(person, timing, work_date, place.opd_code, place.unit_id)


def _zone(item: Intake, posting: _Posting, places: Mapping[str, Sequence[Place]]) -> Zone:
    office, remote = places.get(posting.unit_id, ()), posting.person.remote_places
    if item.tapped is None:
        return domain.zone_of(item.position, office, remote)
    door = taps.Site(item.tapped.unit_id, places.get(item.tapped.unit_id, ()))
    return taps.zone_at(door, taps.Site(posting.unit_id, office), remote)


def _row(item: Intake, posting: _Posting, places: Mapping[str, Sequence[Place]]) -> PunchRow:
    position, device, timing = item.position, item.device, posting.timing
    vouched = item.stated.zone if item.stated else None
    return PunchRow(
        punch_id=item.punch_id,
        employee_id=item.employee_id,
        opd_code=posting.opd_code,
        unit_id=posting.unit_id,
        work_date=posting.work_date,
        kind=item.kind,
        at=timing.at,
        received_at=item.received_at,
        device_at=item.device_at,
        zone=vouched or _zone(item, posting, places),
        source=item.source,
        flags=[*timing.flags, *item.unusable, *([VOUCHED] if vouched else [])],
        lat=position.lat if position else None,
        lon=position.lon if position else None,
        accuracy_m=position.accuracy_m if position else None,
        time_trust=timing.trust,
        device_id=device.device_id if device else None,
        boot_id=device.boot_id if device else None,
        elapsed_ms=device.elapsed_ms if device else None,
        sequence=device.sequence if device else None,
        mock=item.mock,
        address=item.address,
    )


def _same(item: Intake, row: PunchRow) -> bool:
    """Is `item` a retry of `row`? What the caller says is compared, not what the server added. What the device
    counts and signals is no part of it: each attempt is a later moment, perhaps elsewhere. A position that is gone
    is taken as given."""
    if item.tapped is not None:
        return True  # its id is made of all that the terminal says
    position = (item.position.lat, item.position.lon, item.position.accuracy_m) if item.position else (None,) * 3
    return (
        item.employee_id == row.employee_id
        and item.kind == row.kind
        and item.device_at == row.device_at
        and (position == (row.lat, row.lon, row.accuracy_m) or (row.lat is None and row.zone != "unknown"))
        and (item.source == "manual") == (row.source == "manual")
        and (item.stated is None or _states(item.stated, row))
        and set(item.unusable) & _COMPARED == set(row.flags) & _COMPARED
    )


def _states(stated: Stated, row: PunchRow) -> bool:
    return (
        stated.at == row.at
        and stated.work_date in (None, row.work_date)
        and (stated.zone == row.zone if stated.zone else VOUCHED not in row.flags)
    )
