"""Dead letters: records set aside byte for byte, with where they were and why, and how many are too many.

What is set aside is still in its topic, at its offset: `shared/replay.py` has it read again. That somebody has to
see to it stands in the database of who refused it (`shared/set_aside.py`).
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer, ConsumerRecord

from shared import set_aside
from shared.database import Database
from shared.events import TOPICS
from shared.telemetry import Metrics

log = logging.getLogger(__name__)

MAX_BYTES = 2_000_000
WINDOW = 1000
"""The share of dead letters is taken over so many of a partition's latest records."""


@dataclass(frozen=True, slots=True)
class Poison:
    """A record that cannot be read or handled. `reason` is a short code fit for a metric label."""

    record: "ConsumerRecord[Any, Any]"
    reason: str


class DeadLetterLimit(Exception):
    """So many dead letters in one partition that it looks like a bad deploy, not like bad records."""


@dataclass(frozen=True, slots=True)
class Tally:
    """The latest records of one partition: which of them were dead letters. A value; `after` makes the next."""

    in_a_row: int = 0
    recent: int = 0
    """One bit for each of the last thousand records, the newest lowest, set for a dead letter."""

    def after(self, dead: bool) -> "Tally":
        window = ((self.recent << 1) | dead) & _MASK
        return Tally(self.in_a_row + 1 if dead else 0, window)

    def after_good(self, records: int) -> "Tally":
        """After so many records that were no dead letters."""
        if self == _CLEAN or records == 0:
            return self
        return Tally(0, (self.recent << min(records, WINDOW)) & _MASK)

    @property
    def of_the_last_thousand(self) -> int:
        return self.recent.bit_count()


_MASK = (1 << WINDOW) - 1
_CLEAN = Tally()


@dataclass(frozen=True, slots=True)
class Limit:
    """When a partition's consumer stops instead of draining the partition into dead letters."""

    in_a_row: int
    of_a_thousand: int

    def check(self, tally: Tally, latest: Poison) -> None:
        """Raises DeadLetterLimit when `tally`, which ends with `latest`, is too much."""
        if tally.in_a_row >= self.in_a_row:
            how_many, setting = f"{tally.in_a_row} dead letters in a row", "HADIR_DEAD_LETTER_LIMIT"
        elif tally.of_the_last_thousand >= self.of_a_thousand:
            how_many = f"{tally.of_the_last_thousand} dead letters among the last {WINDOW} records"
            setting = "HADIR_DEAD_LETTER_PER_THOUSAND"
        else:
            return
        record = latest.record
        raise DeadLetterLimit(
            f"{how_many} ({latest.reason}) on {record.topic}, partition {record.partition}; "
            f"deploy a version that reads them, or raise {setting} to set them aside"
        )


class DeadLetters:
    """Copies records to the dead letter topic of their topic, and notes them. Connects when there is one to
    copy."""

    def __init__(self, kafka: dict[str, Any], db: Database, metrics: Metrics) -> None:
        self._db = db
        self._kafka = kafka
        self._metrics = metrics
        self._producer: AIOKafkaProducer | None = None

    async def set_aside(self, group: str, poison: Sequence[Poison]) -> None:
        """Returns when each copy is acknowledged, and noted. A copy may be there twice after a failure, never not
        at all."""
        if self._producer is None:
            producer = AIOKafkaProducer(**self._kafka, acks="all", max_request_size=2 * MAX_BYTES)
            try:
                await producer.start()
            except BaseException:
                with suppress(Exception):
                    await producer.stop()
                raise
            self._producer = producer
        try:
            for letter in poison:
                await self._copy(self._producer, group, letter)
        except BaseException:
            producer, self._producer = self._producer, None
            with suppress(Exception):
                await producer.stop()
            raise
        async with self._db.transaction() as tx:
            await set_aside.note(tx, group, poison)

    async def _copy(self, producer: AIOKafkaProducer, group: str, letter: Poison) -> None:
        record = letter.record
        headers: list[tuple[str, Any]] = [*record.headers]  # a null stays a null
        headers += [
            ("hadir_reason", letter.reason.encode()),
            ("hadir_group", group.encode()),
            ("hadir_topic", record.topic.encode()),
            ("hadir_partition", str(record.partition).encode()),
            ("hadir_offset", str(record.offset).encode()),
        ]
        value = record.value
        if value is not None and len(value) > MAX_BYTES:
            # Compressed it was small enough for its topic. The whole of it stays there, at its offset.
            headers.append(("hadir_truncated_bytes", str(len(value)).encode()))
            value = value[:MAX_BYTES]
        await producer.send_and_wait(TOPICS[record.topic].dead_letters, value, key=record.key, headers=headers)
        self._metrics.dead_letters.labels(group, letter.reason).inc()
        log.error(
            "a record was set aside",
            extra={
                "fields": {
                    "group": group,
                    "topic": record.topic,
                    "partition": record.partition,
                    "offset": record.offset,
                    "reason": letter.reason,
                }
            },
        )

    async def stop(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()
