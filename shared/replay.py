"""Dead letters read again by who refused them, or let go (docs/runbook.md#deadletters).

A record is taken from its place in its topic and handed to the handler that refused it, alone, just as it stands:
the same id, key and bytes. Nothing is written to Kafka, so neither the owner of the topic nor the order of its
records is touched. Other consumers do not see it, and by the law of the projections what is taken in twice, or
after newer records of its key, changes nothing.
"""

import datetime as dt
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, NamedTuple

from shared import audit, failures, set_aside
from shared.access import Principal
from shared.batch import read
from shared.events import Received
from shared.failures import Fault
from shared.handling import Declaration, HandlerContext
from shared.log import Log, Record, at, reading
from shared.set_aside import Chosen, Ended, Letter, Place

GONE = "gone"
"""In place of an error: the record does not stand there any more."""

_NAMED = 100
"""So many places are named in an audit entry."""


class Replayed(NamedTuple):
    """What became of letters: those that were taken in, and why each of the others was not."""

    done: list[Letter]
    refused: dict[Letter, str]


Open = Callable[[Collection[str]], AbstractAsyncContextManager[Log]]
"""Opens topics."""


def opener(client: dict[str, Any]) -> Open:
    """Opens topics of a cluster, not rewound."""

    @asynccontextmanager
    async def opened(topics: Collection[str]) -> AsyncGenerator[Log]:
        async with reading(client, sorted(topics), rewound=False) as log:
            yield log

    return opened


async def records_of(letters: Sequence[Letter], opened: Open) -> dict[Place, Record]:
    """The records of letters that still stand in the log."""
    if not letters:
        return {}
    written = {letter.place: letter.written_at for letter in letters}
    async with opened({place.topic for place in written}) as log:
        return {
            place: record
            for place in sorted(written)
            if (record := await at(log, *place)) is not None
            and dt.datetime.fromtimestamp(record.timestamp / 1000, dt.UTC) == written[place]
        }


async def replay(
    declarations: Sequence[Declaration],
    context: HandlerContext,
    letters: Sequence[Letter],
    opened: Open,
    *,
    who: Principal,
    reason: str,
) -> Replayed:
    """Hand the records of letters to the handlers that refused them, oldest first, and note who wanted it and why.

    One that is refused again waits on, with what it is refused for now. Raises a failure of the world, or of a
    wrong deploy; what was taken in before it goes in again, then, without any effect.
    """
    handlers = {declaration.group: declaration.handler for declaration in declarations}
    records = await records_of(letters, opened)
    outcome = Replayed([], {})
    for letter in sorted(letters, key=lambda one: one.place):
        record = records.get(letter.place)
        if record is None or letter.group not in handlers:
            outcome.refused[letter] = GONE
            continue
        item = read(record, context.settings.trusted_sources)
        if not isinstance(item, Received):
            outcome.refused[letter] = item.reason
            continue
        try:
            await handlers[letter.group]([item], context)
        except Exception as error:
            if failures.fault_of(error) in (Fault.WORLD, Fault.DEPLOY):
                raise
            outcome.refused[letter] = failures.reason_of(error)
        else:
            outcome.done.append(letter)
    await _end(context, outcome.done, "replayed", who, reason)
    return outcome


async def drop(context: HandlerContext, letters: Sequence[Letter], *, who: Principal, reason: str) -> int:
    """Let letters go: nobody is called for them any more. The records stay where they are. How many."""
    return await _end(context, letters, "dropped", who, reason)


async def _end(
    context: HandlerContext, letters: Sequence[Letter], ended: Ended, who: Principal, reason: str
) -> int:
    if not letters:
        return 0
    places = [f"{letter.group} {letter.place}" for letter in letters]
    async with context.db.transaction() as tx:
        count = await set_aside.end(tx, letters, ended)
        if count:
            await audit.add(
                tx,
                context.clock.now(),
                who,
                f"dead_letter.{ended}",
                subject=str(letters[0].place) if len(letters) == 1 else "many",
                reason=reason,
                detail={"letters": count, "places": places[:_NAMED]},
            )
    return count


async def chosen(context: HandlerContext, wanted: Chosen, limit: int | None = None) -> list[Letter]:
    """The letters of a service that wait, the newest first."""
    async with context.db.read() as tx:
        return await set_aside.found(tx, wanted, limit)
