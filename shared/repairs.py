"""Putting facts right after an event was disowned, or after that was revoked: from the log, beside the consumers.

For an event that counts as never sent, the rows that it wrote give way to what the other records of their keys
say; for one that counts again, its own record is folded once more, and so are all of a topic whose fact has got
new columns (`disowned.read_again`). The log is read first, in the open. Only the last step has the folds' lock
alone: the few records that came meanwhile are read, the rows go and what was read takes their place, in one
transaction. So nobody ever sees the rows missing, and nothing that a consumer folds meanwhile is lost: whatever it
had folded before the lock is in the log that was read.

A repair that is broken off, or meets a change of mind, is simply begun again: its row of work is still there.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from shared import disowned, failures
from shared.bus import HandlerContext, client_arguments
from shared.database import Tx
from shared.disowned import Event
from shared.events import TOPICS, Received
from shared.facts import Fact
from shared.failures import Fault
from shared.log import Log, Record, readable, reading
from shared.projections import Projection

if TYPE_CHECKING:
    from shared.service import Service

log = logging.getLogger(__name__)

IDLE_S = 0.5
LOCKED_S = 10.0
"""So long the consumers may wait for the last records of the log; after that the repair is begun again."""
MANY = 100
"""So many records read together of which none goes in: it may be the code that is wrong, and not they."""
_SAY_EVERY = 200_000


@dataclass(frozen=True, slots=True)
class Repaired:
    """What a repair does within its transaction: `events` of the log are to be joined, the rows `gone` are out.
    `cause` is the id of the event that disowned another, or took that back."""

    topic: str
    cause: UUID
    events: Sequence[Received]
    gone: Sequence[dict[str, Any]]


Rejoin = Callable[[Tx, Repaired, HandlerContext], Awaitable[None]]
"""Folds `events` of one topic again, after rows were taken out, without telling anybody what they were told when
these came, and notes what changed."""


def task(projection: Projection, rejoin: Rejoin) -> Callable[["Service"], Awaitable[None]]:
    """The background task of a service that puts its facts right."""

    async def keep_right(service: "Service") -> None:
        context = HandlerContext(service.settings, service.db, service.clock, service.metrics)
        while True:
            await settle(projection, rejoin, context)
            await asyncio.sleep(IDLE_S)

    return keep_right


OpenLog = Callable[[str], AbstractAsyncContextManager[Log]]
"""Opens a topic at its beginning."""


async def settle(
    projection: Projection, rejoin: Rejoin, context: HandlerContext, open_log: OpenLog | None = None
) -> int:
    """Do the repairs that wait; returns how many. One replica does them at a time.

    Each is tried, whatever becomes of the others; the first failure is raised at the end.
    """
    async with context.db.read() as tx:
        if not await disowned.waiting(tx):
            return 0
    client = client_arguments(context.settings)

    def of_topic(topic: str) -> AbstractAsyncContextManager[Log]:
        return reading(client, [topic])

    mine = await context.db.dedicated()
    try:
        if not await disowned.lock_repairs(mine):
            return 0
        async with context.db.read() as tx:
            events = await disowned.waiting(tx)
        failure: Exception | None = None
        count = 0
        for event in events:
            try:
                count += await _repair(projection, rejoin, context, event, open_log or of_topic)
            except Exception as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return count
    finally:
        await mine.close()


async def _repair(
    projection: Projection, rejoin: Rejoin, context: HandlerContext, event: Event, open_log: OpenLog
) -> bool:
    """Put the facts right that one event is about; whether that is done."""
    topic, event_id = event
    fact = projection.by_topic[topic]
    async with context.db.read() as tx:
        out = event in await disowned.standing(tx)
        keys = await disowned.keys_of(tx, fact, event_id, TOPICS[topic].key) if out else None
    found: list[Record] = []
    if out and keys == set():
        return await _swap(fact, rejoin, context, event, found, out=out)
    fields = {"topic": topic, "event_id": str(event_id), "disowned": out}
    log.info("reading a topic again for one event", extra={"fields": fields})
    async with open_log(topic) as records:
        if out and keys is None:
            keys = {record.key.decode("utf-8", "replace") async for record in _found(records, _is(event_id))
                    if record.key is not None}  # fmt: skip
            await records.rewind()
        wanted = _is(event_id) if keys is None else _of(keys)
        found = [record async for record in _found(records, wanted)]

        async def rest() -> list[Record]:
            async with asyncio.timeout(LOCKED_S):
                return [record async for record in _found(records, wanted)]

        done = await _swap(fact, rejoin, context, event, found, out=out, rest=rest)
    log.info(
        "the facts of one event are put right" if done else "an event changed sides again; once more",
        extra={"fields": {**fields, "records": len(found)}},
    )
    return done


async def _swap(
    fact: type[Fact],
    rejoin: Rejoin,
    context: HandlerContext,
    event: Event,
    found: Sequence[Record],
    *,
    out: bool,
    rest: Callable[[], Awaitable[list[Record]]] | None = None,
) -> bool:
    topic, event_id = event
    async with context.db.transaction() as tx:
        await disowned.alone(tx)
        if (event in await disowned.standing(tx)) != out:
            return False
        if rest is not None:
            records = [*found, *await rest()]
            events = readable(records, context.settings)
            cause = await disowned.cause_of(tx, event_id)
            gone = await disowned.take_out(tx, fact, event_id) if out else []

            async def join(part: Sequence[Received]) -> None:
                await rejoin(tx, Repaired(topic, cause, part, gone), context)

            await join_what_can_be(tx, events, join)
        await disowned.done(tx, event)
    return True


async def join_what_can_be(
    tx: Tx, events: Sequence[Received], join: Callable[[Sequence[Received]], Awaitable[None]]
) -> None:
    """Join events that were read again from the log, without those that cannot be stored.

    Such a record was set aside when it came, and is in the log for ever: it must not end a repair or a rebuild.
    Facts may be joined in parts, so they are searched as the consumers search a batch. Raises what is no event's
    fault: a failure of the world, a wrong deploy, and a bug that each of many events meets.
    """
    if not events:
        await join(events)
        return

    async def attempt(part: Sequence[Received]) -> None:
        async with tx.connection.transaction():  # a savepoint
            await join(part)

    passed_over = await failures.culprits(events, attempt)
    bugs = [error for _, error in passed_over if failures.fault_of(error) is Fault.UNKNOWN]
    if bugs and len(passed_over) == len(events) >= MANY:
        raise bugs[0]
    for one, error in passed_over:
        log.warning(
            "a record of the log cannot be stored; it is passed over, as when it came",
            extra={"fields": {"topic": one.type, "event_id": str(one.id), "reason": failures.reason_of(error)}},
        )
    if passed_over:
        await join(())


async def _found(records: Log, wanted: Callable[[Record], bool]) -> AsyncGenerator[Record]:
    """The wanted ones of the records that the log holds now and that were not read yet."""
    ends = await records.ends()
    read = said = 0
    async with aclosing(records.upto(ends)) as batches:
        async for batch in batches:
            for record in batch:
                if wanted(record):
                    yield record
            read += len(batch)
            if read - said >= _SAY_EVERY:
                said = read
                log.info("still reading a topic again", extra={"fields": {"records": read}})
            await asyncio.sleep(0)  # the consumers and the doors share this loop


def _is(event_id: UUID) -> Callable[[Record], bool]:
    """Whether a record is this event, in whatever way its producer writes a UUID; any is, of the whole topic."""
    if event_id == disowned.WHOLE:
        return lambda _: True

    def check(record: Record) -> bool:
        value = dict(record.headers).get("ce_id")
        if value is None:
            return False
        try:
            return UUID(value.decode()) == event_id
        except ValueError:
            return False

    return check


def _of(keys: set[str]) -> Callable[[Record], bool]:
    """Whether a record is about one of these keys. One too many does no harm: facts are joined, not counted."""
    small = {key.lower().encode() for key in keys}
    return lambda record: record.key is not None and record.key.lower() in small
