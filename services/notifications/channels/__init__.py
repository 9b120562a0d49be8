"""Ways out of the house, each in one file: how a parcel is handed over, and what became of it.

The queue (`commands/queue.py`, `tasks/delivery.py`) decides what is handed over when, and how often; a channel
knows its protocol, the addresses of its recipients, and nothing of retries.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol
from uuid import UUID

from services.notifications.domain.kinds import Way
from services.notifications.views.wording import Worded
from shared.database import Tx

Became = Literal["delivered", "refused", "later", "unknown"]
"""`refused`: another try would be refused too. `later`: nothing was handed over, try again. `unknown`: it may have
been handed over; what then happens is the channel's `repeats_safely`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a parcel. `error`: for an operator, without an address, a name or a secret."""

    became: Became
    error: str | None = None
    retry_after: dt.timedelta | None = None
    """No sooner than this, where the other side said so."""
    reached: frozenset[str] = frozenset()
    """The addresses that have it now, by their keys, beside those that had it before."""
    gone: frozenset[str] = frozenset()
    """The addresses that exist no more, by their keys: they are deleted."""
    away: bool = False
    """The other side as a whole cannot be reached: the next parcels to the same `host` wait too."""


@dataclass(frozen=True, slots=True)
class Address:
    """One place of a recipient: `key` names it in the queue and the log, `where` is the channel's own."""

    key: str
    host: str
    where: object = field(repr=False)


@dataclass(frozen=True, slots=True)
class Parcel:
    """What one recipient gets at once by one way: one message, or several where the channel bundles.

    `id` is that of its first message: the same on every try.
    """

    id: UUID
    recipient: UUID
    messages: Sequence[Worded]
    addresses: Sequence[Address]
    """Those that do not have it yet."""
    attempt: int
    """1 for the first."""
    urgent: bool = False
    """Whether it waits for nothing: it concerns the next minutes."""


class ChannelOut(Protocol):
    """A way out."""

    way: Way
    bundles: bool
    """Whether messages of one recipient that are due together are handed over as one parcel."""
    repeats_safely: bool
    """Whether the other side knows a parcel that comes twice by its id. If not, what may have been handed over
    when a process died or an answer failed is not sent again by itself: it becomes a dead letter."""
    at_once: int
    """Parcels that one process hands over at the same time."""
    at_once_to_a_host: int
    per_second: float | None
    """Parcels that one process hands over in a second at most; None for as many as come."""

    async def addresses(self, tx: Tx, recipients: Collection[UUID]) -> Mapping[UUID, Sequence[Address]]:
        """Where each recipient is reached; who is left out has no address (any more)."""
        ...

    async def forget(self, tx: Tx, keys: Collection[str]) -> None:
        """Delete addresses that are gone, by their keys."""
        ...

    async def send(self, parcel: Parcel) -> Outcome:
        """Hand a parcel over. Never raises for what the other side does; is cancelled when its time is up."""
        ...

    async def close(self) -> None:
        """Let go of what is held open."""
        ...
