"""Check in, check out, sync what was made offline, see what is recorded."""

import asyncio
import datetime as dt
import ipaddress
import logging
from enum import Enum
from functools import lru_cache, partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, PlainValidator, TypeAdapter, ValidationError, model_validator
from pydantic_core import to_json
from starlette.datastructures import State

from services.attendance.api import PREFIX, Running, described, read, unreadable
from services.attendance.commands.punches import Intake, Recorded
from services.attendance.domain import Exact
from services.attendance.domain.devices import Exchange, Moment
from services.attendance.domain.punches import Position, Unusable
from services.attendance.views import people
from services.attendance.views import punches as views
from services.attendance.views.punches import PunchOut, Receipt
from shared import failures
from shared.access import READ_RECORDS, Principal
from shared.auth import Employee, TokenError, employee_of, principal, require
from shared.cursors import Page
from shared.database import GroupCommit
from shared.dates import local_date
from shared.direct import Asked, Short, begun
from shared.events import PunchKind
from shared.events.base import UUID as ExactUUID
from shared.events.base import Date, InstantUTC
from shared.failures import Fault
from shared.http import Problem, RefusedItem, internal
from shared.messages import Language, language_of
from shared.receipts import ReceiptKeys
from shared.refusals import Invalid, Refused
from shared.trace import current

log = logging.getLogger(__name__)

router = APIRouter(prefix=PREFIX)
Superior = Annotated[Principal, Depends(require(READ_RECORDS))]
Intakes = GroupCommit[Intake, Recorded]
Exchanges = GroupCommit[Exchange, None]

MOST_OFFLINE = 500
"""Punches in one offline batch."""

NOWHERE = 0.001
"""Degrees around 0, 0: some hundred metres of open sea."""


MOST_ELAPSED_MS = 2**40
"""Some 34 years without a new start."""

MOST_SEQUENCE = 2**53 - 1
"""The greatest whole number that every JSON reader keeps."""

DeviceText = Annotated[str, Field(pattern=r"^[!-~]{1,100}$")]


class NoReading(Enum):
    """In the place of evidence that says nothing."""

    UNUSABLE = "unusable"


class PositionIn(Exact):
    """Degrees, and the radius in metres within which the phone takes itself to be.

    Platforms say "no value" with numbers: an accuracy of 0 or -1, or the point at 0, 0 off the coast of Africa.
    What else a phone tells (altitude, speed) is not looked at.
    """

    model_config = ConfigDict(extra="ignore")

    lat: float = Field(ge=-90, le=90)
    lon: float = Field(ge=-180, le=180)
    accuracy_m: float = Field(gt=0, le=1_000_000)

    @model_validator(mode="after")
    def _is_somewhere(self) -> "PositionIn":
        if abs(self.lat) < NOWHERE and abs(self.lon) < NOWHERE:
            raise ValueError("0, 0 is a platform's way to say that there is no position")
        return self


class DeviceIn(Exact):
    """What the phone itself counts: milliseconds since it was started (`boot_id`), sleep included, and the number
    of the moment, one more for each that the app writes down. Its owner cannot set that, as they can its clock.

    Who has no such counter leaves this out: one that stands still in sleep would date a punch too early.
    """

    model_config = ConfigDict(extra="ignore")

    device_id: DeviceText
    boot_id: DeviceText
    elapsed_ms: int = Field(ge=0, le=MOST_ELAPSED_MS)
    sequence: int = Field(ge=0, le=MOST_SEQUENCE)


class SignalsIn(Exact):
    """What the phone's platform says of the position: whether an app made it up (`mock`), as Android does; null or
    left out where it does not say. How accurate it is stands in the position.

    What else a phone tells is not looked at.
    """

    model_config = ConfigDict(extra="ignore")

    mock: bool | None = None


_POSITION = TypeAdapter(PositionIn)
_DEVICE = TypeAdapter(DeviceIn)
_SIGNALS = TypeAdapter(SignalsIn)
_INSTANT = TypeAdapter(InstantUTC)


# A reading that is no reading must not cost anyone the check-in that it came with.
def _position(value: Any) -> PositionIn | NoReading | None:
    try:
        return None if value is None else _POSITION.validate_python(value)
    except ValidationError:
        return NoReading.UNUSABLE


def _instant(value: Any) -> dt.datetime | NoReading | None:
    if value is None:
        return None
    try:
        return _INSTANT.validate_python(value) if isinstance(value, str) else NoReading.UNUSABLE
    except ValidationError:
        return NoReading.UNUSABLE


def _device(value: Any) -> Moment | NoReading | None:
    if value is None:
        return None
    try:
        told = _DEVICE.validate_python(value)
    except ValidationError:
        return NoReading.UNUSABLE
    return Moment(told.device_id, told.boot_id, told.elapsed_ms, told.sequence)


def _signals(value: Any) -> SignalsIn | NoReading | None:
    try:
        return None if value is None else _SIGNALS.validate_python(value)
    except ValidationError:
        return NoReading.UNUSABLE


@lru_cache(maxsize=10_000)
def _address(host: str) -> str | None:
    """The address of a client as PostgreSQL reads one; None for what is none: a socket of this machine."""
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        return None


DeviceField = Annotated[Moment | NoReading | None, PlainValidator(_device, json_schema_input_type=DeviceIn | None)]


class PunchIn(Exact):
    """One check-in or check-out as the phone tells it. `punch_id` is the phone's, so that a retry is no
    second punch; `device_at`, `position`, `device` and `signals` are evidence: what says nothing is set aside and
    flagged.

    `device` is of the moment of the punch. Of one made offline it tells the time if it can; else `device_at` does,
    and is needed.
    """

    punch_id: ExactUUID
    kind: PunchKind
    device_at: Annotated[
        dt.datetime | NoReading | None, PlainValidator(_instant, json_schema_input_type=InstantUTC | None)
    ] = None
    position: Annotated[
        PositionIn | NoReading | None, PlainValidator(_position, json_schema_input_type=PositionIn | None)
    ] = None
    device: DeviceField = None
    signals: Annotated[
        SignalsIn | NoReading | None, PlainValidator(_signals, json_schema_input_type=SignalsIn | None)
    ] = None

    def intake(
        self,
        employee_id: UUID,
        received_at: dt.datetime,
        *,
        offline: bool = False,
        address: str = "",
        handed_over: Moment | None = None,
        trace: str | None = None,
    ) -> Intake:
        """The punch as it asks to be recorded, of who sent it; `trace` where it is not that of the task.

        Of one made offline the `address` says nothing: it is where the phone was later.
        """
        device_at, position, device, signals = self.device_at, self.position, self.device, self.signals
        unusable: list[Unusable] = []
        if isinstance(position, NoReading):
            position = None
            unusable.append("bad_position")
        if isinstance(device_at, NoReading):
            device_at = None
            unusable.append("bad_device_at")
        if isinstance(device, NoReading):
            device = None
            unusable.append("bad_device")
        if isinstance(signals, NoReading):
            signals = None
            unusable.append("bad_signals")
        return Intake(
            self.punch_id,
            employee_id,
            self.kind,
            device_at,
            Position(position.lat, position.lon, position.accuracy_m) if position else None,
            "offline" if offline else "app",
            received_at,
            unusable=tuple(unusable),
            trace=trace or current(),
            device=device,
            handed_over=handed_over,
            mock=signals.mock if signals else None,
            address=_address(address),
        )


class BatchIn(Exact):
    """Punches made offline."""

    punches: list[Any] = Field(max_length=MOST_OFFLINE)
    """Each is read on its own, so that one bad punch does not hold back the others."""
    device: DeviceField = None
    """Of the moment of sending: the handing over is an exchange like a connected punch."""


class RecordedOut(BaseModel):
    """What a punch of a batch got: the status that it would have got alone, and the receipt."""

    status: int
    receipt: Receipt


class RefusedOut(RefusedItem):
    """What a punch of a batch got: the status that it would have got alone, and the problem (RFC 9457)."""


PUNCH = TypeAdapter(PunchIn)
BATCH = TypeAdapter(BatchIn)


@router.post(
    "/punches",
    status_code=201,
    responses={
        200: {"model": Receipt, "description": "The same punch had been recorded; the same receipt"},
        201: {"model": Receipt},
    },
    openapi_extra=described(PUNCH),
)
async def punch(request: Request) -> Response:
    """Check in or out now. The time is the server's; the device's time and position are evidence.

    Bytes in, bytes out: at 07:30 this door serves a whole city, so the framework's own parsing stays out.
    """
    employee_id = employee_of(await principal(request))
    app = request.app.state
    received_at = app.service.clock.now()
    body = await read(request, PUNCH)
    intakes: Intakes = app.intakes
    address = request.client.host if request.client else ""
    recorded = await (begun(request.scope) or intakes.put(body.intake(employee_id, received_at, address=address)))
    status, receipt = _answer(app.receipts, recorded)
    return Response(receipt, status, media_type="application/json")


def _begin(app: State, asked: Asked) -> "asyncio.Future[Recorded] | None":
    """The same on the short way, as far as nothing is wrong with what is asked."""
    try:
        who = app.authenticator.verify(asked.token)
        punch = PUNCH.validate_json(asked.body)
    except (TokenError, ValidationError):
        return None
    if who.subject is None:
        return None
    now = app.service.clock.now()
    return app.intakes.put(punch.intake(who.subject, now, address=asked.address, trace=asked.traceparent))


def _answer(keys: ReceiptKeys | None, recorded: Recorded) -> tuple[int, bytes]:
    return 201 if recorded.created else 200, views.receipt(recorded.row, keys)


def short(keys: ReceiptKeys | None) -> Short[Recorded]:
    """The short way of a check-in, with the keys that sign its receipt."""
    return Short(_begin, partial(_answer, keys))


@router.post("/punches/batch", openapi_extra=described(BATCH))
async def batch(request: Request, me: Employee, service: Running) -> Page[RecordedOut | RefusedOut]:
    """Sync punches made offline, at most 500: for each, in order, {status, receipt} or {status, problem}.

    The status is what the punch would have got alone. An item that fails holds back no other.
    """
    received_at = service.clock.now()
    body = await read(request, BATCH)
    handed_over = body.device if isinstance(body.device, Moment) else None
    app = request.app.state
    intakes: Intakes = app.intakes
    read_or_refused: list[Intake | Invalid] = []
    for item in body.punches:
        try:
            # Back to JSON, where a UUID and a time are texts: in Python's terms `strict` would refuse them.
            punch = PUNCH.validate_json(to_json(item))
        except ValidationError as error:
            read_or_refused.append(unreadable(error))
        else:
            read_or_refused.append(punch.intake(me, received_at, offline=True, handed_over=handed_over))
    # Together, since they are judged by one another; and with other phones': after an outage all are back at once.
    waiting = intakes.put_together([one for one in read_or_refused if isinstance(one, Intake)])
    recorded = iter(await asyncio.gather(*waiting, return_exceptions=True))
    outcomes = [one if isinstance(one, Invalid) else _settled(next(recorded)) for one in read_or_refused]
    # A punch that stays on the phone is still to be told from the exchange before it.
    if handed_over is not None and all(isinstance(outcome, Recorded) for outcome in outcomes):
        exchanges: Exchanges = app.exchanges
        await exchanges.submit(Exchange(me, handed_over, received_at))
    keys: ReceiptKeys | None = app.receipts
    language = language_of(request.headers.get("accept-language"))
    return Page[RecordedOut | RefusedOut](items=[_outcome(outcome, language, keys) for outcome in outcomes])


def _settled(result: Recorded | BaseException) -> Recorded | Refused | Problem:
    """What became of one punch. Raises a failure of the world, or of a wrong deploy: that is of all of them."""
    if isinstance(result, Recorded | Refused):
        return result
    if not isinstance(result, Exception) or failures.fault_of(result) in (Fault.WORLD, Fault.DEPLOY):
        raise result
    log.error("a punch of a batch failed", exc_info=result)
    return internal()


def _outcome(
    outcome: Recorded | Refused | Problem, language: Language, keys: ReceiptKeys | None
) -> RecordedOut | RefusedOut:
    if isinstance(outcome, Recorded):
        status = 201 if outcome.created else 200
        return RecordedOut(status=status, receipt=views.signed(outcome.row, keys))
    return RefusedOut.of(outcome, language)


@router.get("/me/punches")
async def mine(me: Employee, service: Running, date: Date | None = None) -> Page[PunchOut]:
    """What is recorded of the caller for a work date (today when left out), voided punches included."""
    async with service.db.read() as tx:
        return Page[PunchOut](items=await views.day(tx, me, date or local_date(service.clock.now())))


@router.get("/people/{employee_id}/punches")
async def of_person(
    employee_id: UUID, who: Superior, service: Running, date: Date | None = None
) -> Page[PunchOut]:
    """What is recorded of one of your people for a work date (today when left out)."""
    async with service.db.read() as tx:
        await people.answered_for(tx, who, employee_id)
        return Page[PunchOut](items=await views.day(tx, employee_id, date or local_date(service.clock.now())))
