"""The law of the projections: a fact table is a join-semilattice.

Applying an event is idempotent, commutative and associative: of the rows with one fact key the one with the
greatest (revision, ce_id) stays. So duplicates, replays, reordering, two relays or a rebalance in mid-batch
cannot change the result.

A fact is declared once: its class is the table, the key, the types, and how an event becomes a row.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, cast
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import BigInteger
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB

from shared.database import Tx
from shared.events import Event, Received
from shared.tables import Table, column

if TYPE_CHECKING:
    import asyncpg
    from sqlalchemy import Table as SqlTable

Values = tuple[Any, ...]
"""A row of a fact table, or its key, in the order of the columns of its shape."""

ABSORBING = 2**63 - 1
"""The revision of an erasure: whatever else is heard of the person, in whatever order, cannot undo it."""

_ENVELOPE = {"ce_id": "id", "ce_time": "time"}
_DIALECT = postgresql.dialect()


class Fact(Table):
    """A table that keeps of each fact key the newest event: `class FactPlan(Stored, Fact, table=True)`, with `of`.

    A column holds the field of its own name; `column(of=...)` names another field, `ce_time` for the time of the
    event, or a function of the event. What is stored as jsonb is written as JSON.

    `revision` is the event's. It is 0 where the event has none, and where it is part of the key: each revision is
    a fact of its own then. `ce_id` is the id of the event that wrote the row.
    """

    of: ClassVar[type[Event]]
    forgotten: ClassVar[Mapping[str, object]] = {}
    """What an erasure leaves beside the key, where the topic has tombstones; the other columns are null."""
    beside: ClassVar[frozenset[str]] = frozenset()
    """Columns that are no part of the fact: the service writes them itself, a fold leaves them alone."""

    revision: int = column(BigInteger)
    ce_id: UUID


@dataclass(frozen=True)
class Shape:
    """What is worked out once from the declaration of a fact.

    `columns` maps each column that a fold writes to its PostgreSQL type, those of the key first.
    """

    name: str
    key: tuple[str, ...]
    columns: Mapping[str, str]
    row_of: Callable[[Received], Values]
    key_of: Callable[[Values], Values]
    rank_of: Callable[[Values], tuple[int, UUID]]

    @cached_property
    def upsert(self) -> str:
        """Writes a batch of rows and returns the keys that changed and how many rows were in conflict.

        In key order, so that two transactions that meet lock the same rows in the same order.
        """
        names, key = ", ".join(self.columns), ", ".join(self.key)
        arrays = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(self.columns.values(), start=1))
        same_key = " and ".join(f"old.{name} = given.{name}" for name in self.key)
        assignments = ", ".join(f"{name} = excluded.{name}" for name in self.columns if name not in self.key)
        return f"""
            with given as materialized (
                select * from unnest({arrays}) as given({names})
            ), conflict as (
                select count(*) as n from given join {self.name} old on {same_key}
                where old.revision = given.revision and old.ce_id <> given.ce_id
            ), written as (
                insert into {self.name} as old ({names})
                select {names} from given order by {key}
                on conflict ({key}) do update set {assignments}
                where (excluded.revision, excluded.ce_id) > (old.revision, old.ce_id)
                returning {", ".join(f"old.{name}" for name in self.key)}
            )
            select {key}, null::bigint as conflicts from written
            union all
            select {", ".join(f"null::{self.columns[name]}" for name in self.key)}, n from conflict
        """  # noqa: S608 - names come from the declarations of facts in code, values are parameters


_SHAPES: dict[type[Fact], Shape] = {}


def shape(fact: type[Fact]) -> Shape:
    """The shape of a fact. Raises TypeError for a column that nothing fills."""
    if fact not in _SHAPES:
        _SHAPES[fact] = _shape(fact)
    return _SHAPES[fact]


def _shape(fact: type[Fact]) -> Shape:
    table = cast("SqlTable", fact.__table__)  # pyright: ignore[reportAttributeAccessIssue] - set by SQLModel
    key = tuple(part.name for part in table.primary_key.columns)
    fields = fact.of.model_fields
    plain: dict[str, str] = {}
    derived: dict[str, Callable[[Any], object]] = {}
    # The key first: it must be plain, and is cut from the front of a row.
    for part in sorted(table.columns, key=lambda part: not part.primary_key):
        source: str | Callable[[Any], object] = part.info.get("of") or part.name
        if part.name in fact.beside:
            continue
        if callable(source):
            derived[part.name] = source
        elif part.name == "revision" and ("revision" not in fields or "event.revision" in plain.values()):
            derived[part.name] = lambda _: 0
        elif source in fields and part.name != "ce_id":
            if isinstance(part.type, JSONB):
                derived[part.name] = _json_of(source)
            else:
                plain[part.name] = f"event.{source}"
        elif source in _ENVELOPE:
            plain[part.name] = _ENVELOPE[source]
        else:
            raise TypeError(f"{fact.__name__}.{part.name}: {fact.of.__name__} has no {source}")
    names = (*plain, *derived)
    forgotten = {
        name: to_json(value).decode() if isinstance(table.columns[name].type, JSONB) else value
        for name, value in fact.forgotten.items()
    }
    return Shape(
        name=table.name,
        key=key,
        columns={name: table.columns[name].type.compile(_DIALECT).lower() for name in names},
        row_of=_row_of(names, attrgetter(*plain.values()), tuple(derived.values()), forgotten),
        key_of=itemgetter(slice(len(key))),
        rank_of=itemgetter(names.index("revision"), names.index("ce_id")),
    )


def _json_of(field: str) -> Callable[[Event], str]:
    value_of = attrgetter(field)
    return lambda event: to_json(value_of(event)).decode()


def _row_of(
    names: Sequence[str],
    plain: Callable[[Received], Values],
    derived: Sequence[Callable[[Any], object]],
    forgotten: Mapping[str, object],
) -> Callable[[Received], Values]:
    """The maker of rows, whose first column is the key's where a person can be forgotten."""
    key, *_ = names

    def row_of(received: Received) -> Values:
        event = received.event
        if event is not None:
            return (*plain(received), *[value_of(event) for value_of in derived])
        left = {**forgotten, key: UUID(received.key), "revision": ABSORBING, "ce_id": received.id}
        return tuple(left.get(name) for name in names)

    return row_of


Held = Mapping[str, Any] | None
"""The row of a fact by column, as it stood before an event came; None if there was none."""


class News(NamedTuple):
    """An event that ranked above what was held of its fact when it came."""

    received: Received
    held: Held


@dataclass(frozen=True, slots=True)
class Folded:
    """What a batch did to one fact: the keys that changed, how many different events shared a key and revision.

    `received` are the events that were joined, in the order in which they came.
    """

    received: Sequence[Received]
    changed: "Sequence[asyncpg.Record]" = ()
    conflicts: int = 0
    news: Sequence[News] = ()


async def fold(tx: Tx, fact: type[Fact], received: Sequence[Received], *, news: bool = False) -> Folded:
    """Join events into the table of their fact. With `news`, say of each that was new what had been held."""
    if not received:
        return Folded(())
    this = shape(fact)
    rows = [this.row_of(one) for one in received]
    told = await _news(tx, this, received, rows) if news else ()
    newest: dict[Values, Values] = {}
    conflicts = 0
    for row in rows:
        key = this.key_of(row)
        held = newest.setdefault(key, row)
        if held is row:
            continue
        (revision, ce_id), (held_revision, held_ce_id) = this.rank_of(row), this.rank_of(held)
        conflicts += revision == held_revision and ce_id != held_ce_id
        if (revision, ce_id) > (held_revision, held_ce_id):
            newest[key] = row
    changed: list[asyncpg.Record] = []
    for record in await tx.connection.fetch(this.upsert, *zip(*newest.values(), strict=True)):
        if record["conflicts"] is None:
            changed.append(record)
        else:
            conflicts += record["conflicts"]
    return Folded(received, changed, conflicts, told)


async def _news(tx: Tx, this: Shape, received: Iterable[Received], rows: Sequence[Values]) -> list[News]:
    held = await _held(tx, this, {this.key_of(row) for row in rows})
    news: list[News] = []
    for one, row in zip(received, rows, strict=True):
        key = this.key_of(row)
        before = held.get(key)
        if is_news(*this.rank_of(row), before):
            held[key] = dict(zip(this.columns, row, strict=True))
            news.append(News(one, before))
    return news


def is_news(revision: int, ce_id: UUID, held: Held) -> bool:
    """Whether (revision, ce_id) ranks above what is held: docs/rules.md#facts."""
    return held is None or (revision, ce_id) > (held["revision"], held["ce_id"])


async def held(tx: Tx, fact: type[Fact], received: Iterable[Received]) -> dict[Values, Mapping[str, Any]]:
    """The rows that stand for the fact keys of events, by key."""
    this = shape(fact)
    return await _held(tx, this, {this.key_of(this.row_of(one)) for one in received})


async def _held(tx: Tx, this: Shape, keys: Iterable[Values]) -> dict[Values, Mapping[str, Any]]:
    columns = list(zip(*keys, strict=True))
    if not columns:
        return {}
    arrays = ", ".join(f"${place}::{this.columns[name]}[]" for place, name in enumerate(this.key, start=1))
    names = ", ".join(this.key)
    rows = await tx.connection.fetch(
        f"select t.* from unnest({arrays}) as k({names}) join {this.name} t using ({names})",  # noqa: S608 - declared names
        *columns,
    )
    return {tuple(row[name] for name in this.key): dict(row) for row in rows}
