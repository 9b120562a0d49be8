"""Links in letters: what each may do is said in its token, and tagged, so that nobody else can say it.

A token has ids and kinds in it, in plain sight, and nothing else. Whoever has a link may do that one thing without
signing in; so it does nothing that a person could not take back, but for what they were asked in that letter.
"""

import base64
import datetime as dt
import hashlib
import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from services.notifications.domain.kinds import KINDS, Kind

ACKNOWLEDGE_FOR = dt.timedelta(days=7)
"""So long after its message somebody may say by a link that they see to it."""
LONGEST = 1000
"""Characters of a token at most."""
_TAG = 16
_ID = 16
_MADE = 4
_ADDRESS = 8

Tag = Callable[[bytes], bytes]
"""Proves that something was said by us: `MessageKey.tag`."""


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Its reader sees to what a message is about. `made_at`: business time, in whole seconds."""

    notification_id: UUID
    employee_id: UUID
    made_at: dt.datetime

    def is_old(self, now: dt.datetime) -> bool:
        return now - self.made_at > ACKNOWLEDGE_FOR


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """A person wants no e-mail of these kinds."""

    employee_id: UUID
    kinds: tuple[Kind, ...]


@dataclass(frozen=True, slots=True)
class Confirm:
    """An office wants what was asked for at its address, of which `address` is a digest."""

    subscription_id: UUID
    address: bytes


@dataclass(frozen=True, slots=True)
class End:
    """An office wants no more of it."""

    subscription_id: UUID


Link = Acknowledge | Unsubscribe | Confirm | End


def digest(address: str) -> bytes:
    """What stands for an address in a token."""
    return hashlib.sha256(address.encode()).digest()[:_ADDRESS]


def unsubscribing(employee_id: UUID, kinds: Iterable[str]) -> Unsubscribe:
    """The link for these kinds, each once, in the order in which kinds are listed."""
    wanted = set(kinds)
    return Unsubscribe(employee_id, tuple(kind for kind in KINDS if kind in wanted))


def token(link: Link, tag: Tag) -> str:
    """The link as it stands in an address: base64url without padding."""
    said = _said(link)
    return base64.urlsafe_b64encode(said + tag(b"link " + said)).decode().rstrip("=")


def _said(link: Link) -> bytes:
    match link:
        case Acknowledge(notification_id, employee_id, made_at):
            made = int(made_at.timestamp()).to_bytes(_MADE, "big")
            return b"a" + notification_id.bytes + employee_id.bytes + made
        case Unsubscribe(employee_id, kinds):
            return b"u" + employee_id.bytes + ",".join(kinds).encode()
        case Confirm(subscription_id, address):
            return b"c" + subscription_id.bytes + address
        case End(subscription_id):
            return b"e" + subscription_id.bytes


def read(token: str, tag: Tag) -> Link | None:
    """What a token says; None for one that is not ours, or is damaged."""
    if len(token) > LONGEST:
        return None
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    said, proof = raw[:-_TAG], raw[-_TAG:]
    return _meant(said) if hmac.compare_digest(proof, tag(b"link " + said)) else None


def _meant(said: bytes) -> Link | None:
    rest = said[1:]
    match said[:1]:
        case b"a" if len(rest) == 2 * _ID + _MADE:
            made_at = dt.datetime.fromtimestamp(int.from_bytes(rest[2 * _ID :], "big"), dt.UTC)
            return Acknowledge(UUID(bytes=rest[:_ID]), UUID(bytes=rest[_ID : 2 * _ID]), made_at)
        case b"u" if len(rest) > _ID:
            return unsubscribing(UUID(bytes=rest[:_ID]), rest[_ID:].decode("ascii", "replace").split(","))
        case b"c" if len(rest) == _ID + _ADDRESS:
            return Confirm(UUID(bytes=rest[:_ID]), rest[_ID:])
        case b"e" if len(rest) == _ID:
            return End(UUID(bytes=rest))
        case _:
            return None
