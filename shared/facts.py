"""The law of the projections: a fact table is a join-semilattice.

Applying an event is idempotent, commutative and associative: of the rows with one fact key the one with the
greatest (revision, ce_id) stays. So duplicates, replays, reordering, two relays or a rebalance in mid-batch
cannot change the result.

A fact is declared once: its class is the table, the key, the types, and how an event becomes a row.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, cast
from uuid import UUID
from weakref import WeakKeyDictionary

import asyncpg
from pydantic_core import to_json
from sqlalchemy import BigInteger
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB

from shared.database import Tx
from shared.events import Event, Received
from shared.tables import Table, column

if TYPE_CHECKING:
    from sqlalchemy import Table as SqlTable

Values = tuple[Any, ...]
"""A row of a fact table, or its key, in the order of the columns of its shape."""

ValuesOf = Callable[[Sequence[Received], Sequence[Any]], Iterable[Any]]
"""The values of one column for a batch: called with what was received and with the fields of each."""

ABSORBING = 2**63 - 1
"""The revision of an erasure: whatever else is heard of the person, in whatever order, cannot undo it."""

_ENVELOPE = {"ce_id": "id", "ce_time": "time"}
_DIALECT = postgresql.dialect()


class Noting(NamedTuple):
    """What a fold notes of the rows it changes, in its own statement.

    `statement` is SQL that reads `changed`, of `columns` of this fact: distinct, of each row as it is now and of
    the row that it replaced. It has to take its locks in the order of what it writes.
    """

    columns: tuple[str, ...]
    statement: str


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
    noting: ClassVar[Noting | None] = None

    revision: int = column(BigInteger)
    ce_id: UUID


@dataclass(frozen=True)
class Shape:
    """What is worked out once from the declaration of a fact.

    `columns` maps each column that a fold writes to its PostgreSQL type, those of the key first. `values_of` has
    for each a maker of its values for a whole batch, of which no event is a tombstone: it is called with what was
    received and with the fields of that (`given`), and walks them in compiled code wherever that can be.
    """

    name: str
    key: tuple[str, ...]
    columns: Mapping[str, str]
    noting: Noting | None
    values_of: Mapping[str, ValuesOf]
    forgotten: Mapping[str, object]
    """What an erasure leaves, but for the key and the event's id."""
    same_of: Callable[[Received], Hashable]
    """What is the same for two events of one fact key, cheaper than the key itself."""
    revision_of: Callable[[Any], int] | None
    """The revision by which an event ranks, of its fields; None where it is always 0."""

    def rows_of(self, received: Sequence[Received], order: Sequence[str] | None = None) -> list[Values]:
        """The row of each event, with the columns in the order of `columns` or another; null in an unknown one."""
        names = tuple(self.columns) if order is None else order
        given = [one.given for one in received]
        if None in given:
            return [
                self._left_of(one, names) if one.given is None else self.rows_of([one], names)[0]
                for one in received
            ]
        nothing = [None] * len(given)
        made = [self.values_of[name](received, given) if name in self.values_of else nothing for name in names]
        return list(zip(*made, strict=True))

    def _left_of(self, tombstone: Received, names: Sequence[str]) -> Values:
        left = {**self.forgotten, self.key[0]: UUID(tombstone.key), "ce_id": tombstone.id}
        return tuple(left.get(name) for name in names)

    def row_of(self, received: Received) -> Values:
        return self.rows_of([received])[0]

    def keys_of(self, received: Sequence[Received]) -> list[Values]:
        """The fact key of each event."""
        return self.rows_of(received, self.key)

    def rank_of(self, received: Received) -> tuple[int, UUID]:
        """Of the events of one fact key the one that ranks highest stays: docs/rules.md#facts."""
        if received.given is None:
            return ABSORBING, received.id
        return self.revision_of(received.given) if self.revision_of else 0, received.id

    @cached_property
    def upsert(self) -> str:
        """Joins a batch of rows of the table; one row says how many were written, how many met another event of
        their key and revision, and how many were `overtaken`.

        In key order, so that two transactions that meet lock the same rows in the same order. Rows that rank below
        what is held are not even tried, so that nothing is locked or written for what was heard before.
        """
        return self._upsert("select count(*) from written")

    @cached_property
    def upsert_and_tell(self) -> str:
        """The same, with the keys that were written, as an array of records, in place of their number."""
        key = ", ".join(self.key)
        return self._upsert(f"select array_agg(row({key})) from written")  # noqa: S608 - declared names

    @cached_property
    def may_be_overtaken(self) -> bool:
        """Whether a row that another transaction writes meanwhile may be replaced by one for which other things
        are noted: where the key does not say what is noted."""
        return self.noting is not None and not set(self.noting.columns) <= set(self.key)

    def _upsert(self, told: str) -> str:
        names, key = ", ".join(self.columns), ", ".join(self.key)
        noted = () if self.noting is None else self.noting.columns
        assignments = ", ".join(f"{name} = excluded.{name}" for name in self.columns if name not in self.key)
        held = "".join(f", old.{name} as held_{name}" for name in ("revision", "ce_id", *noted))
        outranks = "(met.revision, met.ce_id) > (met.held_revision, met.held_ce_id)"
        returned = ", ".join(f"old.{name}" for name in dict.fromkeys((*self.key, *noted)))
        overtaken = "0"
        if self.may_be_overtaken:
            returned += ", old.xmax <> 0 as replaced"
            overtaken = f"""(select count(*) from written where replaced)
                - (select count(*) from met where met.held_ce_id is not null and {outranks})"""  # noqa: S608 - no values
        noting = ""
        if self.noting is not None:
            noting = f""", changed as (
                select {", ".join(noted)} from written
                union select {", ".join(f"held_{name}" for name in noted)} from met
                where met.held_ce_id is not null and {outranks}
            ), noting as ({self.noting.statement})"""  # noqa: S608 - as below
        return f"""
            with met as materialized (
                select given.*{held}
                from unnest($1::{self.name}[]) as given left join {self.name} as old using ({key})
            ), written as (
                insert into {self.name} as old ({names})
                select {names} from met where met.held_ce_id is null or {outranks} order by {key}
                on conflict ({key}) do update set {assignments}
                where (excluded.revision, excluded.ce_id) > (old.revision, old.ce_id)
                returning {returned}
            ){noting}
            select ({told}) as written, {overtaken} as overtaken,
                (select count(*) from met where met.held_revision = met.revision and met.held_ce_id <> met.ce_id)
                    as conflicts
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
    sources: dict[str, str] = {}
    values_of: dict[str, ValuesOf] = {}
    revision_of: Callable[[Any], int] | None = None
    # The key first: it must be plain, and is cut from the front of a row.
    for part in sorted(table.columns, key=lambda part: not part.primary_key):
        source: str | Callable[[Any], object] = part.info.get("of") or part.name
        if part.name in fact.beside:
            continue
        if callable(source):
            values_of[part.name] = _derived(source)
        elif part.name == "revision" and ("revision" not in fields or "revision" in sources.values()):
            values_of[part.name] = _no_revision
        elif source in fields and part.name != "ce_id":
            sources[part.name] = source
            values_of[part.name] = _json(source) if isinstance(part.type, JSONB) else _field(source)
            if part.name == "revision":
                revision_of = attrgetter(source)
        elif source in _ENVELOPE:
            values_of[part.name] = _envelope(_ENVELOPE[source])
        else:
            raise TypeError(f"{fact.__name__}.{part.name}: {fact.of.__name__} has no {source}")
    forgotten = {
        name: to_json(value).decode() if isinstance(table.columns[name].type, JSONB) else value
        for name, value in fact.forgotten.items()
    }
    return Shape(
        name=table.name,
        key=key,
        columns={name: table.columns[name].type.compile(_DIALECT).lower() for name in values_of},
        noting=fact.noting,
        values_of=values_of,
        forgotten={**forgotten, "revision": ABSORBING},
        same_of=_same_of([sources[name] for name in key], fields),
        revision_of=revision_of,
    )


def _same_of(sources: Sequence[str], fields: Mapping[str, Any]) -> Callable[[Received], Hashable]:
    # A UUID's hash and comparison are made in Python, those of its number are not.
    parts = [f"{source}.int" if fields[source].annotation is UUID else source for source in sources]
    same = attrgetter(*parts)
    return lambda one: UUID(one.key).int if one.given is None else same(one.given)


def _field(source: str) -> ValuesOf:
    value_of = attrgetter(source)
    return lambda _, given: map(value_of, given)


def _envelope(source: str) -> ValuesOf:
    value_of = attrgetter(source)
    return lambda received, _: map(value_of, received)


def _no_revision(received: Sequence[Received], _: Sequence[Any]) -> Iterable[int]:
    return repeat(0, len(received))


def _json(source: str) -> ValuesOf:
    value_of = attrgetter(source)
    return lambda _, given: ["[]" if value == [] else to_json(value).decode() for value in map(value_of, given)]


def _derived(source: Callable[[Any], object]) -> ValuesOf:
    return lambda received, _: [source(one.event) for one in received]


Held = Mapping[str, Any] | None
"""The row of a fact by column, as it stood before an event came; None if there was none."""


class News(NamedTuple):
    """An event that ranked above what was held of its fact when it came."""

    received: Received
    held: Held


@dataclass(frozen=True, slots=True)
class Folded:
    """What a batch did to one fact: how many rows it wrote, how many different events shared a key and revision.

    `received` are the events that were joined, in the order in which they came; `changed` the keys of the rows
    that were written, where they were asked for.
    """

    received: Sequence[Received]
    written: int = 0
    conflicts: int = 0
    news: Sequence[News] = ()
    changed: Sequence[Values] = ()


async def fold(
    tx: Tx, fact: type[Fact], received: Sequence[Received], *, news: bool = False, changed: bool = False
) -> Folded:
    """Join events into the table of their fact. With `news`, say of each that was new what had been held; with
    `changed`, name the keys of the rows that were written."""
    if not received:
        return Folded(())
    this = shape(fact)
    told = await _news(tx, this, received) if news else ()
    newest, conflicts = _newest(this, received)
    rows = this.rows_of(newest, await _order(tx, this))
    query = this.upsert_and_tell if changed else this.upsert
    did = await tx.connection.fetchrow(query, rows)
    assert did is not None  # noqa: S101 - it always has one row
    if did["overtaken"] > 0:
        # What another transaction wrote meanwhile was replaced unseen, and is not in what was noted.
        raise asyncpg.SerializationError(f"{this.name}: another batch wrote a fact of this one; it is tried again")
    conflicts += did["conflicts"]
    keys = did["written"] or () if changed else ()
    return Folded(received, len(keys) if changed else did["written"], conflicts, told, keys)


def _newest(this: Shape, received: Sequence[Received]) -> tuple[Sequence[Received], int]:
    """Of each fact key the event that ranks highest, and how many others shared key and revision with one."""
    same = [this.same_of(one) for one in received]
    if len(set(same)) == len(same):
        return received, 0
    newest: dict[Hashable, Received] = {}
    conflicts = 0
    for key, one in zip(same, received, strict=True):
        held = newest.setdefault(key, one)
        if held is one:
            continue
        (revision, ce_id), (held_revision, held_ce_id) = this.rank_of(one), this.rank_of(held)
        conflicts += revision == held_revision and ce_id != held_ce_id
        if (revision, ce_id) > (held_revision, held_ce_id):
            newest[key] = one
    return list(newest.values()), conflicts


_ORDERS: "WeakKeyDictionary[Any, dict[str, tuple[str, ...]]]" = WeakKeyDictionary()
"""By connection and table, as asyncpg keeps the types that it has met."""


async def _order(tx: Tx, this: Shape) -> tuple[str, ...]:
    """The columns of the table as they stand in the database, where later ones follow: a row of it is sent so."""
    orders = _ORDERS.setdefault(tx.connection, {})
    if this.name not in orders:
        orders[this.name] = tuple(
            row["attname"]
            for row in await tx.connection.fetch(
                "select attname from pg_attribute where attrelid = $1::text::regclass and attnum > 0 "
                "and not attisdropped order by attnum",
                this.name,
            )
        )
    return orders[this.name]


async def _news(tx: Tx, this: Shape, received: Sequence[Received]) -> list[News]:
    keys = this.keys_of(received)
    held = await _held(tx, this, set(keys))
    if len({this.same_of(one) for one in received}) == len(received):  # as nearly always: none comes after another
        before_each = map(held.get, keys)
        return [
            News(one, before)
            for one, before in zip(received, before_each, strict=True)
            if is_news(*this.rank_of(one), before)
        ]
    rows = this.rows_of(received)
    news: list[News] = []
    for one, key, row in zip(received, keys, rows, strict=True):
        before = held.get(key)
        if is_news(*this.rank_of(one), before):
            held[key] = dict(zip(this.columns, row, strict=True))
            news.append(News(one, before))
    return news


def is_news(revision: int, ce_id: UUID, held: Held) -> bool:
    """Whether (revision, ce_id) ranks above what is held: docs/rules.md#facts."""
    return held is None or (revision, ce_id) > (held["revision"], held["ce_id"])


async def held(tx: Tx, fact: type[Fact], received: Iterable[Received]) -> dict[Values, Mapping[str, Any]]:
    """The rows that stand for the fact keys of events, by key."""
    this = shape(fact)
    return await _held(tx, this, set(this.keys_of(list(received))))


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
