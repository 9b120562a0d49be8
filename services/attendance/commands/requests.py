"""Requests of staff about their own record; what is granted is corrected in the same transaction."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from services.attendance.commands import SOURCE, Act, corrections
from services.attendance.commands.punches import Stated
from services.attendance.domain import requests as domain
from services.attendance.domain.requests import Appeal, MissedPunch, RequestIn, StatedPunch, WrongKey, WrongPlace
from services.attendance.store import directory, reviews
from services.attendance.store import punches as store
from services.attendance.store.punches import PunchRow
from services.attendance.views import requests as views
from shared import outbox, requests
from shared.access import employee_of
from shared.database import Tx
from shared.dates import local_date
from shared.events import CorrectionDecided
from shared.outbox import Outgoing
from shared.refusals import Conflict, FieldError, Forbidden, Invalid, Missing
from shared.requests import Asked, Decision, Outcome, Request


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision; of an appeal that is granted it may say otherwise than asked what is recorded and void."""

    decision: Decision
    reason: str
    punches: Sequence[StatedPunch] = ()
    voids: Sequence[UUID] = ()

    @property
    def says_how(self) -> bool:
        return bool(self.punches or self.voids)


async def ask(tx: Tx, act: Act, given: RequestIn, earliest: dt.date) -> tuple[Request, bool]:
    """Store a request, and whether it is new. `earliest` is the first work date that may be asked about."""
    me = employee_of(act.who)
    body = given.model_dump(mode="json", exclude=set(domain.HEAD))
    asked = Asked(given.request_id, given.kind, body, given.reason, given.evidence_id)
    earlier = await requests.asked_before(tx, me, asked)
    if earlier is not None:
        return earlier, False
    person = (await directory.people(tx, {me})).get(me)
    if person is None:
        raise Missing("punch.unknown_employee")
    if not person.active:
        raise Forbidden("punch.inactive_employee")
    field, work_date = await _check(tx, act, me, given)
    if work_date < earliest:
        params = {"first": earliest}
        raise Invalid("request.too_old", params=params, errors=[FieldError(field, "request.too_old", params)])
    for other in await requests.open_of(tx, me):
        if domain.about(given) & domain.about(_asked(other)):
            raise requests.overlaps(field, other)
    return await requests.put(tx, act.now, act.who, asked, await reviews.due(tx, act.now)), True


def _asked(request: Request) -> RequestIn:
    """What had been asked for."""
    return domain.REQUEST.validate_python(
        {**request.asks, **request.model_dump(mode="json", include=set(domain.HEAD))}
    )


async def _check(tx: Tx, act: Act, me: UUID, given: RequestIn) -> tuple[str, dt.date]:
    """The field that says what it is about, and of which work date that is. Raises Refused."""
    match given:
        case WrongKey() | WrongPlace():
            punch = await _own(tx, me, given.punch_id, "punch_id")
            if isinstance(given, WrongPlace) and given.zone == punch.zone:
                raise Invalid("validation", errors=[FieldError("zone", "request.same_zone")])
            return "punch_id", punch.work_date
        case MissedPunch():
            _check_punches(given.work_date, given.punches, act.now)
        case Appeal():
            if given.work_date > local_date(act.now):
                raise Invalid("validation", errors=[FieldError("work_date", "request.not_yet")])
            _check_punches(given.work_date, given.punches, act.now)
            await _check_voids(tx, me, given.work_date, given.voids)
    return "work_date", given.work_date


def _check_punches(work_date: dt.date, punches: Sequence[StatedPunch], now: dt.datetime) -> None:
    for n, punch in enumerate(punches):
        stated = Stated(punch.at, work_date, punch.zone)
        corrections.check(stated, now, at=f"punches.{n}.at", work_date="work_date")


async def _check_voids(tx: Tx, me: UUID, work_date: dt.date, voids: Sequence[UUID]) -> None:
    for n, punch_id in enumerate(voids):
        punch = await _own(tx, me, punch_id, f"voids.{n}")
        if punch.work_date != work_date or punch_id in voids[:n]:
            raise Invalid("validation", errors=[FieldError(f"voids.{n}", "request.other_date")])


async def _own(tx: Tx, me: UUID, punch_id: UUID, field: str) -> PunchRow:
    """A punch of one's own that counts. Raises Missing, Conflict."""
    punch = (await store.stored(tx, {punch_id})).get(punch_id)
    if punch is None or punch.employee_id != me:
        raise Missing("punch.not_found", errors=[FieldError(field, "punch.not_found")])
    if await store.void_of(tx, punch_id) is not None:
        raise Conflict("request.voided", errors=[FieldError(field, "request.voided")])
    return punch


async def withdraw(tx: Tx, act: Act, request_id: UUID, reason: str | None) -> Request:
    """Take back one's own request while it is open."""
    return await requests.withdraw(tx, act.now, act.who, request_id, reason)


async def decide(tx: Tx, act: Act, request_id: UUID, ruling: Ruling) -> Request:
    """Grant a request, which corrects the record at once, or refuse it; the same again changes nothing."""
    request = await requests.held(tx, request_id)
    (await views.judge(tx, act.who, request.employee_id, act.now)).check(request)
    if requests.decided_alike(act.who, request, ruling.decision, ruling.reason):
        return request
    asked = _asked(request)
    if ruling.says_how and not (isinstance(asked, Appeal) and ruling.decision == "granted"):
        field = "punches" if ruling.punches else "voids"
        raise Invalid("validation", errors=[FieldError(field, "request.only_appeals")])
    detail = await _correct(tx, act, request, asked, ruling) if ruling.decision == "granted" else {}
    closed = await requests.close(tx, act.now, act.who, request, Outcome(ruling.decision, ruling.reason, detail))
    event = CorrectionDecided(
        request_id=request_id,
        employee_id=request.employee_id,
        kind=request.kind,
        work_date=await _work_date(tx, asked),
        state=ruling.decision,
        decided_at=act.now,
        revision=1,
    )
    await outbox.add(tx, [Outgoing(event, uuid4(), act.now)], source=SOURCE)
    return closed


async def _work_date(tx: Tx, asked: RequestIn) -> dt.date | None:
    """Of which work date a request is; None where its punch is no longer there."""
    if isinstance(asked, WrongKey | WrongPlace):
        punch = (await store.stored(tx, {asked.punch_id})).get(asked.punch_id)
        return punch and punch.work_date
    return asked.work_date


async def _correct(tx: Tx, act: Act, request: Request, asked: RequestIn, ruling: Ruling) -> dict[str, Any]:
    """What is granted, as corrections in the decider's name. Raises Conflict where the record has changed."""
    whose = request.employee_id
    voids: Sequence[UUID] = ()
    punches: Sequence[StatedPunch] = ()
    match asked:
        case MissedPunch():
            punches, work_date = asked.punches, asked.work_date
        case WrongKey() | WrongPlace():
            punch = await _own(tx, whose, asked.punch_id, "punch_id")
            voids, work_date = [asked.punch_id], punch.work_date
            punches = [_instead(punch, asked)]
        case Appeal():
            punches, voids, work_date = asked.punches, asked.voids, asked.work_date
            if ruling.says_how:
                punches, voids = ruling.punches, ruling.voids
                _check_punches(work_date, punches, act.now)
            if not (punches or voids):
                raise Invalid("request.no_remedy", errors=[FieldError("punches", "request.no_remedy")])
            await _check_voids(tx, whose, work_date, voids)
    for punch_id in sorted(voids):
        held = await store.lock(tx, punch_id)
        _, created = await corrections.put_void(tx, act, held, ruling.reason) if held else (None, False)
        if not created:
            raise Conflict("request.voided")
    added: list[str] = []
    for stated in punches:
        recorded = await corrections.put_manual(
            tx,
            act,
            punch_id=uuid4(),
            employee_id=whose,
            kind=stated.kind,
            stated=Stated(stated.at, work_date, stated.zone),
            reason=ruling.reason,
        )
        added.append(str(recorded.row.punch_id))
    return {"recorded": added, "voided": [str(punch_id) for punch_id in voids]}


def _instead(punch: PunchRow, asked: WrongKey | WrongPlace) -> StatedPunch:
    """What takes the place of a punch: the same but for its key, or its place."""
    if isinstance(asked, WrongPlace):
        return StatedPunch(kind=punch.kind, at=punch.at, zone=asked.zone)
    other = "out" if punch.kind == "in" else "in"
    return StatedPunch(kind=other, at=punch.at, zone=domain.kept_zone(punch.zone))
