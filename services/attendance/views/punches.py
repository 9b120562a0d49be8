"""Punches as their person and their officers see them."""

import datetime as dt
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict

from services.attendance.domain.punches import Source, TimeTrust
from services.attendance.store import punches as store
from services.attendance.store.punches import PunchRow
from shared.database import Tx
from shared.events import PunchKind, Zone
from shared.receipts import MEMBERS, ReceiptKeys


class PunchFacts(BaseModel):
    """What was recorded, as its receipt is signed: by name, in the order of RFC 8785."""

    model_config = ConfigDict(from_attributes=True)

    at: dt.datetime
    flags: list[str]
    kind: PunchKind
    punch_id: UUID
    received_at: dt.datetime
    time_trust: TimeTrust
    work_date: dt.date
    zone: Zone


class Signature(BaseModel):
    """Ed25519 over the canonical JSON (RFC 8785) of all other members, as base64url, by the key `kid`."""

    kid: str
    value: str


class Receipt(PunchFacts):
    """What was recorded; the same for every retry of the same punch. Unsigned where attendance has no key."""

    signature: Signature | None


_json = msgspec.json.Encoder().encode


def receipt(row: PunchRow, keys: ReceiptKeys | None) -> bytes:
    """The receipt of a punch as JSON, byte for byte what `Receipt` writes, in a quarter of its time."""
    canonical = _json({name: getattr(row, name) for name in MEMBERS})
    signature = b"null" if keys is None else keys.signature(canonical)
    return b"".join((canonical[:-1], b',"signature":', signature, b"}"))


def signed(row: PunchRow, keys: ReceiptKeys | None) -> Receipt:
    """The same where it is part of a larger answer."""
    return Receipt.model_validate_json(receipt(row, keys))


class VoidOut(BaseModel):
    """That a punch no longer counts, by whose word and why."""

    model_config = ConfigDict(from_attributes=True)

    punch_id: UUID
    work_date: dt.date
    voided_at: dt.datetime
    voided_by: str
    reason: str


class PunchOut(PunchFacts):
    """A punch as its person and their officers see it."""

    device_at: dt.datetime | None
    source: Source
    void: VoidOut | None


async def day(tx: Tx, employee_id: UUID, work_date: dt.date) -> list[PunchOut]:
    """The punches of a person for a work date. A day has few: one page holds them."""
    return [
        PunchOut.model_validate(punch.model_dump() | {"void": VoidOut.model_validate(void) if void else None})
        for punch, void in await store.day_of(tx, employee_id, work_date)
    ]
