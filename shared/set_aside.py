"""Records that were set aside and that nobody has seen to: a row for each, in the database of who refused it.

A row names a place in the log and says why; nothing of the record is in it. The record itself stays in its topic,
and a copy in the topic's dead letters. Who reads it again and takes it in, or lets it go, ends the row; an ended
row stays, so that a consumer that reads its topic from the beginning does not call for somebody once more.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from sqlalchemy import BigInteger, Index, Text, text

from shared.database import Tx
from shared.disowned import Stored
from shared.tables import column

if TYPE_CHECKING:
    from shared.dead_letters import Poison

Ended = Literal["replayed", "dropped"]


class DeadLetter(Stored, table=True):
    """A record that a consumer refused. `written_at`: when Kafka has it from, so that the record of another topic
    of the same name is not taken for it; `ended`: what became of it, null while it waits for somebody."""

    of_group: str = column(Text, key=True)
    topic: str = column(Text, key=True)
    partition: int = column(BigInteger, key=True)
    record_offset: int = column(BigInteger, key=True)
    written_at: dt.datetime
    set_aside_at: dt.datetime
    error: str = column(Text)
    ended: str | None = column(Text)

    __table_args__ = (Index("dead_letter_waiting", "of_group", postgresql_where=text("ended is null")),)


class Place(NamedTuple):
    """Where a record stands; as text `topic/partition/offset`."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"

    @classmethod
    def of(cls, text: str) -> "Place":
        """From text. Raises ValueError where it names no place."""
        topic, _, rest = text.partition("/")
        partition, _, offset = rest.partition("/")
        if not topic or not all(number.isascii() and number.isdigit() for number in (partition, offset)):
            raise ValueError(f"{text!r} is no place: write it as topic/partition/offset, as `hadir dlq list` does")
        return cls(topic, int(partition), int(offset))


class Letter(NamedTuple):
    """A dead letter that waits: who refused what, why, and since when."""

    group: str
    place: Place
    written_at: dt.datetime
    set_aside_at: dt.datetime
    error: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which dead letters; each field narrows where it is given. `error` is its beginning, the times are those at
    which they were set aside."""

    places: Collection[Place] | None = None
    topic: str | None = None
    group: str | None = None
    error: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None


class _Operations(Protocol):
    def execute(self, sqltext: str) -> None: ...


def create_table(op: _Operations) -> None:
    """For a migration: `create_table(alembic.op)`."""
    op.execute(
        """
        create table dead_letter (
            of_group text not null,
            topic text not null,
            partition bigint not null,
            record_offset bigint not null,
            written_at timestamptz not null,
            set_aside_at timestamptz not null,
            error text not null,
            ended text,
            primary key (of_group, topic, partition, record_offset)
        )
        """
    )
    op.execute("create index dead_letter_waiting on dead_letter (of_group) where ended is null")


# Refused once more after it was taken in, or another record at the same place: then it waits for somebody again.
_NOTE = """
    insert into dead_letter as old
    select $1, topic, partition, record_offset, written_at, clock_timestamp(), error, null
    from unnest($2::text[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::text[])
        as new (topic, partition, record_offset, written_at, error)
    order by topic, partition, record_offset
    on conflict (of_group, topic, partition, record_offset) do update
        set ended = null, written_at = excluded.written_at, set_aside_at = excluded.set_aside_at,
            error = excluded.error
        where old.ended = 'replayed' or old.written_at <> excluded.written_at
"""
_WAITING = "select of_group, count(*) as letters from dead_letter where ended is null group by of_group"
_FOUND = """
    select of_group, topic, partition, record_offset, written_at, set_aside_at, error from dead_letter
    where ended is null and ($1::text is null or topic = $1) and ($2::text is null or of_group = $2)
        and ($3::text is null or starts_with(error, $3))
        and ($4::timestamptz is null or set_aside_at >= $4) and ($5::timestamptz is null or set_aside_at < $5)
        and ($6::text[] is null or (topic, partition, record_offset) in (select * from
            unnest($6, $7::bigint[], $8::bigint[])))
    order by set_aside_at desc, of_group, topic, partition, record_offset desc limit $9
"""
_END = """
    update dead_letter set ended = $1 from unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[])
        as done (in_group, in_topic, in_partition, in_offset)
    where (of_group, topic, partition, record_offset) = (in_group, in_topic, in_partition, in_offset)
        and ended is null
"""


async def note(tx: Tx, group: str, poison: Iterable["Poison"]) -> None:
    """Write down that a group refused these records. One that was let go before stays so."""
    records = {Place(one.record.topic, one.record.partition, one.record.offset): one for one in poison}
    if records:
        topics, partitions, offsets = zip(*records, strict=True)
        times = [dt.datetime.fromtimestamp(one.record.timestamp / 1000, dt.UTC) for one in records.values()]
        errors = [one.reason for one in records.values()]
        await tx.connection.execute(_NOTE, group, topics, partitions, offsets, times, errors)


async def waiting(tx: Tx) -> dict[str, int]:
    """How many wait for somebody, by group; one without any is not in it."""
    return {row["of_group"]: row["letters"] for row in await tx.connection.fetch(_WAITING)}


async def found(tx: Tx, chosen: Chosen, limit: int | None = None) -> list[Letter]:
    """The newest of those chosen that wait."""
    places = None if chosen.places is None else list(zip(*chosen.places, strict=True)) or [(), (), ()]
    rows = await tx.connection.fetch(
        _FOUND,
        chosen.topic,
        chosen.group,
        chosen.error,
        chosen.since,
        chosen.until,
        *(places or (None, None, None)),
        limit,
    )
    return [
        Letter(
            row["of_group"],
            Place(row["topic"], row["partition"], row["record_offset"]),
            row["written_at"],
            row["set_aside_at"],
            row["error"],
        )
        for row in rows
    ]


async def end(tx: Tx, letters: Sequence[Letter], ended: Ended) -> int:
    """Say what became of letters; of how many nobody had said it before."""
    places = [letter.place for letter in letters]
    tag = await tx.connection.execute(
        _END,
        ended,
        [letter.group for letter in letters],
        [place.topic for place in places],
        [place.partition for place in places],
        [place.offset for place in places],
    )
    return int(tag.split()[-1])
