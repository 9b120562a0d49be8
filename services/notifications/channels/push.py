"""Pushes to browsers (RFC 8030): each of a person's gets what is told, encrypted for it alone.

A push that comes twice replaces itself, at the push service by its topic and on the phone by its tag.
"""

import asyncio
import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from urllib.parse import urlsplit
from uuid import UUID

from services.notifications.channels import Address, Outcome, Parcel
from services.notifications.channels.calling import Answer, Calls, wait_of
from services.notifications.domain.kinds import Way
from services.notifications.domain.push import Device
from services.notifications.domain.receivers import Guard
from services.notifications.store import push as store
from services.notifications.views import push as views
from shared.database import Tx
from shared.message_key import MessageKey
from shared.settings import Settings
from shared.web_push import Browser, Vapid, encrypted

URGENT_TTL = dt.timedelta(hours=1)
"""So long a push service keeps what is urgent for a phone that is off: later, it is over."""
TTL = dt.timedelta(days=1)
"""And what is not. The queue gives it up after the same time."""
AGENT = "Hadir-Push/1"

_GONE = frozenset({404, 410})
_BUSY = frozenset({408, 425, 429})
_AWAY = frozenset({502, 503, 504})


class PushChannel:
    """The way of pushes: all that is due for a person at once, to each of their browsers."""

    way: Way = "push"
    bundles = True
    repeats_safely = True
    at_once = 32
    at_once_to_a_host = 32
    per_second: float | None = None

    def __init__(self, vapid: Vapid, calls: Calls) -> None:
        self._vapid, self._calls = vapid, calls

    async def addresses(self, tx: Tx, recipients: Collection[UUID]) -> Mapping[UUID, Sequence[Address]]:
        """The browsers of each person that were made for the key in use."""
        found: dict[UUID, list[Address]] = {}
        for device in await store.of_all(tx, recipients, self._vapid.public):
            host = urlsplit(device.endpoint).netloc
            found.setdefault(device.employee_id, []).append(Address(str(device.device_id), host, device))
        return found

    async def forget(self, tx: Tx, keys: Collection[str]) -> None:
        """Delete browsers that are pushed to no more."""
        await store.forget(tx, [UUID(key) for key in keys])

    async def send(self, parcel: Parcel) -> Outcome:
        """Push to each browser that does not have it yet; what became of all of them."""
        payload = views.payload(parcel.messages)
        tag = views.tag_of(parcel.messages)
        urgent = parcel.urgent
        headers = {
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": f"{(URGENT_TTL if urgent else TTL).total_seconds():.0f}",
            "Urgency": "high" if urgent else "normal",
            "Topic": self._vapid.topic(tag.encode()),
        }
        outcomes = await asyncio.gather(*(self._push(one, payload, headers) for one in parcel.addresses))
        return _together(parcel.addresses, outcomes)

    async def _push(self, address: Address, payload: bytes, headers: Mapping[str, str]) -> Outcome:
        device = address.where
        assert isinstance(device, Device)  # noqa: S101 - as made above
        try:
            body = encrypted(payload, Browser(device.p256dh, device.auth))
        except ValueError as error:
            return Outcome("refused", f"not to be encrypted: {type(error).__name__}")
        own = {**headers, "Authorization": self._vapid.authorization(device.endpoint)}
        answer = await self._calls.post(device.endpoint, body, own)
        return _outcome(address.key, answer) if isinstance(answer, Answer) else answer

    async def close(self) -> None:
        """Let go of open connections."""
        await self._calls.close()


def opened(settings: Settings) -> PushChannel | None:
    """The channel as the settings say; None without a key."""
    vapid = vapid_of(settings)
    return PushChannel(vapid, Calls(Guard(), agent=AGENT)) if vapid else None


def vapid_of(settings: Settings) -> Vapid | None:
    """Who signs pushes; None without a key. Raises TokenError for a key that cannot be read."""
    file = settings.message_key_file
    return Vapid(MessageKey.from_file(file), settings.push_subject) if file else None


def _outcome(key: str, answer: Answer) -> Outcome:
    """What the answer of a push service means for one browser."""
    status = answer.status
    if 200 <= status < 300:
        return Outcome("delivered", reached=frozenset({key}))
    error = f"status {status}"
    if status in _GONE:
        return Outcome("refused", error, gone=frozenset({key}))
    if status in _BUSY or status >= 500:
        return Outcome("later", error, wait_of(answer.retry_after), away=status in _AWAY)
    return Outcome("refused", error)


def _together(addresses: Sequence[Address], outcomes: Sequence[Outcome]) -> Outcome:
    """What became of a parcel: tried again for the browsers that may still get it, delivered where one has it.

    With its last browser gone it is tried once more, and then there is nobody to send it to: nobody failed.
    """
    reached = frozenset[str]().union(*(one.reached for one in outcomes))
    gone = frozenset[str]().union(*(one.gone for one in outcomes))
    again = [one for one in outcomes if one.became in ("later", "unknown")]
    errors = sorted({one.error for one in outcomes if one.error})
    error = "; ".join(errors) or None
    if again or len(gone) == len(addresses):
        waits = [one.retry_after for one in again if one.retry_after is not None]
        became = "later" if not any(one.became == "unknown" for one in again) else "unknown"
        away = bool(again) and all(one.away for one in again)
        return Outcome(became, error, max(waits, default=None), reached, gone, away)
    return Outcome("delivered" if reached else "refused", error, reached=reached, gone=gone)
