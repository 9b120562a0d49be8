"""The law of the projections: a fact table is a join-semilattice.

Applying an event is idempotent, commutative and associative: of the rows with one fact key the one with the
greatest (revision, ce_id) stays. So duplicates, replays, reordering, two relays or a rebalance in mid-batch
cannot change the result. Facts without a revision count as revision 0.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    import asyncpg


@dataclass(frozen=True)
class FactTable:
    """A table of facts: `columns` maps each column to its PostgreSQL type, those of `key` included.

    Beside them the table has `revision bigint` and `ce_id uuid`; its primary key is `key`. Array types
    cannot be unnested row by row: pass such a column as jsonb.
    """

    name: str
    key: tuple[str, ...]
    columns: Mapping[str, str]

    @cached_property
    def all_columns(self) -> dict[str, str]:
        return {**self.columns, "revision": "bigint", "ce_id": "uuid"}

    @cached_property
    def upsert(self) -> str:
        """Writes a batch of rows and returns the keys that changed and how many rows were in conflict."""
        names = ", ".join(self.all_columns)
        arrays = ", ".join(
            f"${position}::{kind}[]" for position, kind in enumerate(self.all_columns.values(), start=1)
        )
        key = ", ".join(self.key)
        same_key = " and ".join(f"old.{column} = given.{column}" for column in self.key)
        assignments = ", ".join(
            f"{column} = excluded.{column}" for column in self.all_columns if column not in self.key
        )
        return f"""
            with given as materialized (
                select * from unnest({arrays}) as given({names})
            ), conflict as (
                select count(*) as n from given join {self.name} old on {same_key}
                where old.revision = given.revision and old.ce_id <> given.ce_id
            ), written as (
                insert into {self.name} as old ({names})
                select {names} from given
                on conflict ({key}) do update set {assignments}
                where (excluded.revision, excluded.ce_id) > (old.revision, old.ce_id)
                returning {", ".join(f"old.{column}" for column in self.key)}
            )
            select {key}, null::bigint as conflicts from written
            union all
            select {", ".join(f"null::{self.all_columns[column]}" for column in self.key)}, n from conflict
        """  # noqa: S608 - names come from the FactTable declarations in code, values are parameters


@dataclass(frozen=True, slots=True)
class Folded:
    """What a batch did to a table: the fact keys that changed, and how many different events shared a key and
    revision."""

    changed: list[dict[str, Any]]
    conflicts: int


async def fold(connection: "asyncpg.Connection", table: FactTable, rows: Iterable[Mapping[str, Any]]) -> Folded:
    """Join `rows` into `table`. Each row has every column of the table, `revision` and `ce_id` (a UUID)."""
    newest: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    conflicts = 0
    for row in rows:
        key = tuple(row[column] for column in table.key)
        held = newest.get(key)
        if held is None:
            newest[key] = row
            continue
        conflicts += held["revision"] == row["revision"] and held["ce_id"] != row["ce_id"]
        if _rank(row) > _rank(held):
            newest[key] = row
    if not newest:
        return Folded([], 0)
    # In key order, so that two transactions that meet lock the same rows in the same order.
    ordered = [newest[key] for key in sorted(newest, key=_order)]
    arrays = [[row[column] for row in ordered] for column in table.all_columns]
    changed: list[dict[str, Any]] = []
    for record in await connection.fetch(table.upsert, *arrays):
        if record["conflicts"] is None:
            changed.append({column: record[column] for column in table.key})
        else:
            conflicts += record["conflicts"]
    return Folded(changed, conflicts)


def _rank(row: Mapping[str, Any]) -> tuple[int, int]:
    ce_id: UUID = row["ce_id"]
    return int(row["revision"]), ce_id.int


def _order(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(part.int if isinstance(part, UUID) else part for part in key)
