"""One batch of records: how each is read, and which of them cannot be handled.

Whatever fails lies in the world, or in one record or a few: then the batch is halved until they are found.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from aiokafka import TopicPartition

from shared import failures
from shared.dead_letters import DeadLetterLimit, Limit, Poison, Tally
from shared.events import HEARTBEAT, InvalidEvent, Received, UnknownType, decode
from shared.failures import Fault
from shared.log import Record


@dataclass(frozen=True, slots=True)
class Skipped:
    reason: str


Item = Received | Poison | Skipped
Read = tuple[Item, Record]


def read(record: Record, trusted: Collection[str]) -> Item:
    try:
        return decode(record.topic, record.key, record.value, record.headers, trusted)
    except InvalidEvent as error:
        return Poison(record, error.reason)
    except UnknownType as unknown:
        return Skipped("heartbeat" if unknown.type == HEARTBEAT else "unknown_type")
    except Exception as error:
        # No reader of ours is meant to raise anything else; if one does, it is this record alone that it meets.
        if failures.is_away(error):
            raise
        return Poison(record, f"decode_{type(error).__name__}")


@dataclass
class Settled:
    """What became of a batch that had to be searched."""

    poison: list[Poison] = field(default_factory=list[Poison])
    tallies: dict[TopicPartition, Tally] = field(default_factory=dict[TopicPartition, Tally])
    stopped: dict[TopicPartition, DeadLetterLimit] = field(default_factory=dict[TopicPartition, DeadLetterLimit])


class Search:
    """Handles one batch, and finds the records in it that cannot be handled."""

    def __init__(
        self,
        handle: Callable[[list[Received]], Awaitable[None]],
        limit: Limit,
        tallies: Mapping[TopicPartition, Tally],
        *,
        blame_bugs: bool,
    ) -> None:
        self._handle = handle
        self._limit = limit
        self._tallies = tallies
        self._blame_bugs = blame_bugs
        self._went_in = 0
        self._tally = Tally()
        self._poison: list[Poison] = []
        self._bug: Exception | None = None

    async def settle(self, batch: Mapping[TopicPartition, Sequence[Read]], *, failed: bool = False) -> Settled:
        """Raises a failure of the world, and a bug that nothing went in beside. `failed`: that the batch does not
        go in together is known.

        A partition that is at its limit for what cannot even be read is not handled at all.
        """
        settled = Settled()
        for partition, reads in batch.items():
            with self._into(settled, partition):
                self._count(reads)
        going = {partition: reads for partition, reads in batch.items() if partition not in settled.stopped}
        if not failed and await self._try([read for reads in going.values() for read in reads]) is None:
            return settled
        settled.poison.clear()
        for partition, reads in going.items():
            with self._into(settled, partition):
                await self._halve(reads)
        if self._bug is not None and not self._went_in and not self._blame_bugs:
            raise self._bug
        return settled

    @contextlib.contextmanager
    def _into(self, settled: Settled, partition: TopicPartition) -> Generator[None]:
        """Count what the block finds in one partition, and keep it unless the limit stops the partition."""
        self._tally, self._poison = self._tallies.get(partition, Tally()), []
        try:
            yield
        except DeadLetterLimit as limit:
            settled.stopped[partition] = limit
            settled.tallies.pop(partition, None)
        else:
            settled.tallies[partition] = self._tally
            settled.poison += self._poison

    async def _try(self, reads: Sequence[Read]) -> Exception | None:
        """Why the readable records among `reads` do not go in together; None if they did."""
        readable = [item for item, _ in reads if isinstance(item, Received)]
        if readable:
            try:
                await self._handle(readable)
            except Exception as error:
                if failures.fault_of(error) in (Fault.WORLD, Fault.DEPLOY):
                    raise
                return error
        self._went_in += len(readable)
        return None

    async def _halve(self, reads: Sequence[Read]) -> None:
        error = await self._try(reads)
        if error is None:
            self._count(reads)
        elif len(reads) > 1:
            middle = len(reads) // 2
            await self._halve(reads[:middle])
            await self._halve(reads[middle:])
        elif (again := await self._try(reads)) is None:
            self._count(reads)
        else:
            if failures.fault_of(again) is Fault.UNKNOWN:
                self._bug = again
            self._set_aside(Poison(reads[0][1], failures.reason_of(again)))

    def _count(self, reads: Sequence[Read]) -> None:
        good = 0
        for item, _ in reads:
            if isinstance(item, Poison):
                self._tally = self._tally.after_good(good)
                good = 0
                self._set_aside(item)
            else:
                good += 1
        self._tally = self._tally.after_good(good)

    def _set_aside(self, poison: Poison) -> None:
        self._tally = self._tally.after(True)
        self._poison.append(poison)
        self._limit.check(self._tally, poison)


@dataclass(eq=False)
class Batch:
    """What was read at one go and is not acknowledged yet."""

    reads: dict[TopicPartition, list[Read]]
    read_at: float
    """Wall-clock seconds since 1970 at which the first record was written."""
    error: Exception | None = None
    """Why all from it on has to be read again."""
    settled: Settled | None = None
    """What became of it where it had to be searched; None where it simply went in."""
    ended: bool = False
    task: "asyncio.Task[None] | None" = None

    def __post_init__(self) -> None:
        self.started = time.perf_counter()

    @property
    def plain(self) -> bool:
        return not any(isinstance(item, Poison) for reads in self.reads.values() for item, _ in reads)

    def readable(self) -> list[Received]:
        return [item for reads in self.reads.values() for item, _ in reads if isinstance(item, Received)]

    def example(self) -> str | None:
        """The traceparent of its first record that can be read."""
        reads = (item for reads in self.reads.values() for item, _ in reads if isinstance(item, Received))
        return next((item.traceparent for item in reads), None)

    def begins(self) -> dict[TopicPartition, int]:
        return {partition: reads[0][1].offset for partition, reads in self.reads.items()}


def written_from(batches: Iterable[Batch]) -> dict[TopicPartition, float]:
    """When the first record of each partition was written, in Unix seconds, of batches in their order."""
    first: dict[TopicPartition, float] = {}
    for batch in batches:
        first = {partition: reads[0][1].timestamp / 1000 for partition, reads in batch.reads.items()} | first
    return first
