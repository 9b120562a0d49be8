"""Sends topics to the webhooks that follow them: events as they come, in batches, each batch until it is taken.

What a webhook was sent last, and has not taken, is sent again before anything else, under the same `webhook-id`:
nothing is passed over, and events of one key come in their order. Several processes share the work: who notes
first up to where a batch goes sends it.
"""

import asyncio
import datetime as dt
import logging
import random
from collections.abc import Collection, Sequence
from uuid import NAMESPACE_URL, UUID, uuid5

from services.notifications.channels import Outcome
from services.notifications.channels.webhook import Receiver, WebhookChannel
from services.notifications.domain.delivery import LONGEST_PAUSE, pause
from services.notifications.domain.subscriptions import followable
from services.notifications.store import followed as store
from services.notifications.store.followed import Due
from shared import feed
from shared.bus import client_arguments
from shared.events.structured import BATCH_MEDIA_TYPE, batch, structured
from shared.feed import Position
from shared.log import Log, Record, reading
from shared.service import Service, Task

log = logging.getLogger(__name__)

BATCH = 200
"""Events of one request at most."""
LOOK_S = 0.5
IDLE_S = 5.0
"""So often it is looked whether any topic is followed at all, while none is."""
AT_ONCE = 32
"""Requests that one process makes at the same time."""
LEASE = dt.timedelta(seconds=60)
"""So long nobody else sends a batch; a request takes far less (channels/calling.py)."""


def message_id(one: Due, upto: Position) -> UUID:
    """The `webhook-id` of a batch: the same each time it is sent."""
    return uuid5(NAMESPACE_URL, f"{one.subscription_id} {one.topic} {one.has} {upto.offsets}")


def follower(channel: WebhookChannel) -> Task:
    """The background task."""

    async def work(service: Service) -> None:
        client = {**client_arguments(service.settings), "client_id": "hadir-followed"}
        while True:
            if await _any(service):
                async with reading(client, followable(), rewound=False) as opened:
                    await Follower(service, channel, opened).run()
            service.health["followed"].worked()
            await asyncio.sleep(IDLE_S)

    return work


class Follower:
    """The sender of one process, on an open log."""

    def __init__(self, service: Service, channel: WebhookChannel, opened: Log) -> None:
        self._service, self._channel, self._log = service, channel, opened
        self._sending = set[asyncio.Task[None]]()

    async def run(self) -> None:
        """Runs while any topic is followed; what is under way when it is cancelled is sent again."""
        try:
            while True:
                moved = await self.round()
                self._service.health["followed"].worked()
                if not moved:
                    if not await _any(self._service):
                        return
                    await asyncio.sleep(LOOK_S)
        finally:
            for task in self._sending:
                task.cancel()
            await asyncio.gather(*self._sending, return_exceptions=True)

    async def round(self) -> bool:
        """Begin to send what is due; whether there was anything."""
        async with self._service.db.read() as tx:
            due = await store.due(tx)
        ends = {topic: await feed.borders(self._log, topic) for topic in {one.topic for one in due}}
        moved = False
        for one in due:
            if len(self._sending) >= AT_ONCE:
                break
            begins, end = ends[one.topic]
            if one.sending is not None or one.has != end.offsets:
                moved |= await self._begin(one, begins, end)
        return moved

    async def _begin(self, one: Due, begins: Position, end: Position) -> bool:
        after = Position(one.topic, one.has)
        upto = end if one.sending is None else Position(one.topic, one.sending)
        if (lost := _not_held(after, upto, begins, end)) is not None:
            await self._put_off(one, one.sending, Outcome("later", lost))
            return False
        # A batch is sent again as it was, whole, whatever the size of new ones is by now.
        size = BATCH if one.sending is None else sum(upto.offsets) - sum(after.offsets)
        records, reached = await feed.between(self._service.settings, self._log, after, upto, limit=size)
        if not records:
            async with self._service.db.transaction() as tx:
                if one.sending is None:
                    await store.pass_over(tx, one, reached.offsets)
                else:  # what was being sent is gone from the topic
                    await store.delivered(tx, one, reached.offsets)
            return True
        async with self._service.db.transaction() as tx:
            if not await store.claim(tx, one, reached.offsets, LEASE):
                return False
        task = asyncio.create_task(self._send(one, reached, records))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        return True

    async def _send(self, one: Due, upto: Position, records: Collection[Record]) -> None:
        async with self._service.db.read() as tx:
            addresses = (await self._channel.addresses(tx, [one.subscription_id])).get(one.subscription_id, ())
        if not addresses:
            return  # it was stopped meanwhile
        where = addresses[0].where
        assert isinstance(where, Receiver)  # noqa: S101 - this channel's
        body = batch([structured(record) for record in records])
        outcome = await self._channel.post(where, message_id(one, upto), body, content_type=BATCH_MEDIA_TYPE)
        if outcome.became == "delivered":
            async with self._service.db.transaction() as tx:
                await store.delivered(tx, one, upto.offsets)
        else:
            await self._put_off(one, upto.offsets, outcome)
            if outcome.error == "status 410":
                async with self._service.db.transaction() as tx:
                    await self._channel.forget(tx, [str(one.subscription_id)])

    async def _put_off(self, one: Due, sending: Sequence[int] | None, outcome: Outcome) -> None:
        # It is never given up: who is sent a log must not miss a part of it. Officers see the error, and stop it.
        drawn = random.random()  # noqa: S311 - a lot, no secret
        wait = pause(one.attempts + 1, drawn, outcome.retry_after)
        async with self._service.db.transaction() as tx:
            await store.failed(
                tx, one, sending, LONGEST_PAUSE if wait is None else wait, outcome.error or outcome.became
            )


async def _any(service: Service) -> bool:
    async with service.db.read() as tx:
        return await store.any_followed(tx)


def _not_held(after: Position, upto: Position, begins: Position, end: Position) -> str | None:
    """Why the topic does not hold all that is to be sent; None where it does."""
    if any(offset > last for offset, last in zip(upto.offsets, end.offsets, strict=True)):
        return "the topic was made anew: end the following and begin it again"
    if any(offset < first for offset, first in zip(after.offsets, begins.offsets, strict=True)):
        return "what comes next is no longer kept: end the following and begin it again"
    return None
