"""Events that count as never sent (docs/rules.md#facts): which they are, and what a fold does about them.

`disowned` is a fact table like any other, folded from `record.disowned.v1`, but it is no part of the facts: the
facts are those of the log without the disowned events, whether these ever came or not. A fold passes over an
event whose topic and id stand disowned. What was folded before the disowning came is put right from the log, and
so is what a revocation brings back: `repair` holds one row of work for each event that changed sides, and
shared.repairs does it.

A lock keeps the two apart: folds share it, whoever changes which events count has it alone. So no fold that still
knows the old list can commit after the new one.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Text
from sqlalchemy.orm import registry

from shared.database import Tx
from shared.events import Received, RecordDisowned
from shared.facts import ABSORBING, Fact, fold, shape
from shared.tables import Table, column

Event = tuple[str, UUID]
"""An event by its topic and its id: another producer may have used the same id on its own topic."""


class Stored(Table, registry=registry()):
    """The tables that every database of facts has."""


class Disowned(Stored, Fact, table=True):
    """How it stands with an event that was disowned."""

    of = RecordDisowned

    event_id: UUID = column(key=True, of="ce_id")
    topic: str = column(Text, of="of_topic")
    revoked: bool


class Repair(Stored, table=True):
    """An event that changed sides since its facts were folded."""

    topic: str = column(Text, key=True)
    event_id: UUID = column(key=True)


_SHARE = "select pg_advisory_xact_lock_shared(hashtext('hadir.disowned'))"
_ALONE = "select pg_advisory_xact_lock(hashtext('hadir.disowned'))"
# Two officers stand behind each row, so there are few: the whole list is cheaper than asking for a batch's ids.
_STANDING = "select topic, event_id from disowned where not revoked"
_NEEDED = "insert into repair select * from unnest($1::text[], $2::uuid[]) on conflict do nothing"
_WAITING = "select topic, event_id from repair order by topic, event_id"
_DONE = "delete from repair where topic = $1 and event_id = $2"

WHOLE = UUID(int=0)
"""In a row of work, in place of an event: every record of the topic is folded once more."""


class _Operations(Protocol):
    def execute(self, sqltext: str) -> None: ...


def create_tables(op: _Operations) -> None:
    """For a migration: `create_tables(alembic.op)`."""
    op.execute(
        """
        create table disowned (
            event_id uuid primary key,
            topic text not null,
            revoked boolean not null,
            revision bigint not null,
            ce_id uuid not null
        )
        """
    )
    op.execute("create table repair (topic text, event_id uuid, primary key (topic, event_id))")


def read_again(op: _Operations, table: str, topic: str) -> None:
    """For a migration that adds columns to a fact: the task that repairs reads the topic once more, and what
    stands gives way to the same event. Erasures stay. Not for facts of whose news people are told.
    """
    op.execute(f"update {table} set revision = revision - 1 where revision < {ABSORBING}")  # noqa: S608 - declared names
    op.execute(
        f"insert into repair select '{topic}', '{WHOLE}' where exists (select from {table}) on conflict do nothing"  # noqa: S608 - declared names
    )


async def standing(tx: Tx) -> set[Event]:
    """The events that count as never sent."""
    return {(row["topic"], row["event_id"]) for row in await tx.connection.fetch(_STANDING)}


async def admit(tx: Tx, batch: Sequence[Received], topics: Mapping[str, object]) -> Sequence[Received]:
    """The events of a batch that count. What it says about disowned events is taken in first.

    Begin a fold with it, before any row is locked. `topics` are those that this service folds.
    """
    said = [one for one in batch if one.type == RecordDisowned.topic]
    if said:
        await alone(tx)
        await _take_in(tx, said, topics)
    else:
        await tx.connection.execute(_SHARE)
    passed_over = await standing(tx)
    if not said and not passed_over:
        return batch
    return [one for one in batch if one.type != RecordDisowned.topic and (one.type, one.id) not in passed_over]


async def _take_in(tx: Tx, said: Sequence[Received], topics: Mapping[str, object]) -> None:
    before = await standing(tx)
    await fold(tx, Disowned, said)
    changed = [(topic, event_id) for topic, event_id in before ^ await standing(tx) if topic in topics]
    await tx.connection.execute(_NEEDED, [topic for topic, _ in changed], [event_id for _, event_id in changed])


async def alone(tx: Tx) -> None:
    """Until the transaction ends no fold is under way, and none begins."""
    await tx.connection.execute(_ALONE)


async def waiting(tx: Tx) -> list[Event]:
    """The events whose facts are still to be put right; `WHOLE` for a topic that is to be read once more."""
    return [(row["topic"], row["event_id"]) for row in await tx.connection.fetch(_WAITING)]


async def cause_of(tx: Tx, event_id: UUID) -> UUID:
    """The id of the event that says how it now stands with `event_id`; of `WHOLE` itself."""
    if event_id == WHOLE:
        return WHOLE
    cause: UUID | None = await tx.connection.fetchval("select ce_id from disowned where event_id = $1", event_id)
    assert cause is not None  # noqa: S101 - a row of work follows a row here, and that is never deleted
    return cause


async def done(tx: Tx, event: Event) -> None:
    await tx.connection.execute(_DONE, *event)


async def keys_of(tx: Tx, fact: type[Fact], event_id: UUID, column: str) -> set[str] | None:
    """The record keys of the rows that an event wrote; None if the fact does not keep the key, `column`.

    Reads the whole table: an index on ce_id would cost every fold more than a disowning now and then.
    """
    table = shape(fact)
    kept = column in table.columns
    rows = await tx.connection.fetch(
        f"select distinct {column if kept else 'null'}::text as key from {table.name} where ce_id = $1",  # noqa: S608 - declared names
        event_id,
    )
    return None if rows and not kept else {row["key"] for row in rows}


async def take_out(tx: Tx, fact: type[Fact], event_id: UUID) -> list[dict[str, Any]]:
    """Delete the rows that an event wrote; returns them."""
    rows = await tx.connection.fetch(
        f"delete from {shape(fact).name} where ce_id = $1 returning *",  # noqa: S608 - a declared name
        event_id,
    )
    return [dict(row) for row in rows]


async def lock_repairs(connection: Any) -> bool:
    """Whether this session may repair; the lock is held until the session ends."""
    return bool(await connection.fetchval("select pg_try_advisory_lock(hashtext('hadir.repair'))"))
