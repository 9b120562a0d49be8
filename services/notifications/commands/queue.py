"""What is handed over, and what is written down and published when it was."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from typing import Literal
from uuid import UUID, uuid4

from services.notifications.channels import Address, ChannelOut, Parcel
from services.notifications.domain.delivery import HOLDS, is_quiet
from services.notifications.domain.kinds import Way, channel_of
from services.notifications.domain.rules import Limits
from services.notifications.store import queue as store
from services.notifications.store.queue import Ended, Settled, Taken
from services.notifications.views import outgoing
from services.notifications.views.wording import Worded
from shared import outbox, spans, under_way
from shared.database import Tx
from shared.events import NotificationSent, source_of
from shared.outbox import Outgoing

SOURCE = source_of("notifications")
LEASE = dt.timedelta(seconds=60)
BUNDLE = 50
"""Messages in a parcel at most."""
RUN = 50
"""Parcels of a lane that are taken together where each message is one."""


_TOLD_AS: dict[str, Literal["delivered", "failed", "suppressed"]] = {
    "delivered": "delivered",
    "dead": "failed",
    "dropped": "suppressed",
}


@dataclass(frozen=True, slots=True)
class Load:
    """A parcel, and the deliveries that it is made of."""

    parcel: Parcel
    deliveries: Sequence[Taken]

    @property
    def urgent(self) -> bool:
        return any(one.urgent for one in self.deliveries)

    def settled(self, outcome: Settled) -> list[Settled]:
        """The same outcome for each of its deliveries."""
        return [
            outcome._replace(delivery_id=one.delivery_id, lease_until=one.lease_until) for one in self.deliveries
        ]


async def take(
    tx: Tx,
    channel: ChannelOut,
    limits: Limits,
    now: dt.datetime,
    *,
    busy: Collection[tuple[UUID, bool]],
    lanes: int,
) -> tuple[list[list[Load]], list[Ended]]:
    """Up to so many lanes with what is due of each, urgent ones first, and what ended instead, because nobody is
    there to get it. `busy`: the recipients, and whether urgent, that are being served. `now`: business time."""
    taken: list[Taken] = []
    holds = channel.way in HOLDS
    for urgent in (True, False):
        if (not urgent and holds and is_quiet(limits, now)) or lanes <= 0:
            continue
        found = await store.take(
            tx,
            channel.way,
            urgent=urgent,
            but=[recipient for recipient, of in busy if of == urgent],
            lanes=lanes,
            an_hour=limits.per_person_per_hour if holds else None,
            bundled=channel.bundles,
            at_most=BUNDLE if channel.bundles else RUN,
            lease=LEASE,
        )
        lanes -= len({one.recipient for one in found})
        taken += found
    if not taken:
        return [], []
    words = await outgoing.worded(tx, [one.notification_id for one in taken])
    addresses = await channel.addresses(tx, {one.recipient for one in taken})
    loads, gone = _loads(taken, words, addresses)
    ended = await settle(tx, gone, now) if gone else []
    by_lane = groupby(
        sorted(loads, key=lambda load: (load.parcel.recipient, load.urgent)),
        key=lambda load: (load.parcel.recipient, load.urgent),
    )
    return [list(lane) for _, lane in by_lane], ended


def _loads(
    taken: Sequence[Taken], words: Mapping[UUID, Worded], addresses: Mapping[UUID, Sequence[Address]]
) -> tuple[list[Load], list[Settled]]:
    loads: list[Load] = []
    gone: list[Settled] = []
    by_parcel = attrgetter("recipient", "urgent", "parcel")
    ordered = sorted(taken, key=lambda one: (one.recipient, one.urgent, one.place))
    for (recipient, _, parcel), group in groupby(ordered, by_parcel):
        of_it = list(group)
        alive = [one for one in of_it if one.notification_id in words]
        reached = {key for one in of_it for key in one.reached}
        here = [address for address in addresses.get(recipient, ()) if address.key not in reached]
        if not here or not alive:
            # Whoever had it on one of their addresses, and has no other any more, has it.
            state = "delivered" if reached else "dropped"
            gone += [
                Settled(one.delivery_id, one.lease_until, state, error=None if reached else "no address")
                for one in of_it
            ]
            continue
        gone += [
            Settled(one.delivery_id, one.lease_until, "dropped", error="no message")
            for one in of_it
            if one not in alive
        ]
        said = [words[one.notification_id] for one in alive]
        attempt = max(one.attempts for one in alive)
        loads.append(Load(Parcel(parcel, recipient, said, here, attempt, alive[0].urgent), alive))
    return loads, gone


def without(load: Load, hosts: Collection[str]) -> Load:
    """The same for those of its addresses that are on none of these hosts."""
    addresses = [address for address in load.parcel.addresses if address.host not in hosts]
    return Load(replace(load.parcel, addresses=addresses), load.deliveries)


async def settle(tx: Tx, became: Sequence[Settled], now: dt.datetime) -> list[Ended]:
    """Write down what became of deliveries, and publish what ended. `now`: business time."""
    ended = await store.settle(tx, became)
    await publish(tx, ended, now)
    return ended


async def open_ways(tx: Tx, ways: Collection[Way], now: dt.datetime) -> None:
    """Say which ways are open; what waits for another one is dropped."""
    await publish(tx, await store.open_ways(tx, ways), now)


async def sweep(tx: Tx, channel: ChannelOut, now: dt.datetime) -> list[Ended]:
    """Give up what is too old, and what may have been handed over by a process that died and must not be twice."""
    ended = await store.sweep(tx, channel.way, repeats_safely=channel.repeats_safely)
    await publish(tx, ended, now)
    return ended


async def publish(tx: Tx, ended: Sequence[Ended], now: dt.datetime) -> None:
    """Publish what became of deliveries that wait no more."""
    traces: dict[str, str] = {}
    if ended and spans.of("notifications") is not None:
        traces = await under_way.of(tx, {str(one.notification_id) for one in ended})
    await outbox.add(
        tx,
        [
            Outgoing(
                NotificationSent(
                    notification_id=one.notification_id,
                    employee_id=one.recipient,
                    kind=one.kind,
                    channel=channel_of(one.way),
                    status=_TOLD_AS[one.state],
                    cause_event_id=one.cause_event_id,
                    at=now,
                ),
                uuid4(),
                now,
                traces.get(str(one.notification_id)),
            )
            for one in ended
            if one.state != "waiting"
        ],
        source=SOURCE,
    )
