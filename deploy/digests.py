"""`hadir digest --all`: one hash of everything that the four databases hold, in whatever order it came to be
there."""

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import asyncpg

from shared.database import Hosts

PASSING: Mapping[str, str] = {
    "outbox": "what is still to be published",
    "dead_letter": "places in the log: a log that was made again may have others",
    "repair": "work",
    "touched": "work",
    "touched_counter": "work",
    "touched_date": "work",
    "budget_due": "when each is looked at next: that passes with time alone",
    "trace_under_way": "unlogged: a crash empties it, and so does a restore",
}
"""Tables that are no part of what is held, and why."""

ELSEWHERE: Mapping[str, tuple[str, ...]] = {"log_tree": ("last_offset", "looked_to")}
"""Columns that are not, either: places in the log, which are others where a transaction had left its marker."""

_SETTINGS = (
    "select set_config('timezone', 'UTC', true), set_config('datestyle', 'ISO', true), "
    "set_config('extra_float_digits', '1', true), set_config('bytea_output', 'hex', true)"
)
_TABLES = """
    select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
        and not relispartition order by relname collate "C"
"""


class Held(NamedTuple):
    """A table: how many rows it has, and a sum of their hashes, which their order does not change."""

    table: str
    rows: int
    sum: str


async def held(url: str) -> list[Held]:
    """The tables of one database, of one instant."""
    session = await Hosts(url).connect()
    try:
        async with session.transaction(isolation="repeatable_read", readonly=True):
            await session.execute(_SETTINGS)
            names = [row["relname"] for row in await session.fetch(_TABLES) if row["relname"] not in PASSING]
            return [await _held(session, name) for name in names]
    finally:
        await session.close()


async def _held(session: asyncpg.Connection, name: str) -> Held:
    # The first 180 bits of each row's SHA-256, added up in three parts.
    parts = ", ".join(
        f"coalesce(sum(('x' || substr(hex, {at}, 15))::bit(60)::bigint), 0)::text" for at in (1, 16, 31)
    )
    columns = "".join(f" - '{column}'" for column in ELSEWHERE.get(name, ()))
    row_text = f"(to_jsonb(held){columns})::text" if columns else "held::text"
    query = f"""
        select count(*) as rows, concat_ws(':', {parts}) as sum
        from (select encode(sha256(convert_to({row_text}, 'UTF8')), 'hex') as hex from "{name}" as held) as hashed
    """  # noqa: S608 - names of the catalogue
    row = await session.fetchrow(query)
    assert row is not None  # noqa: S101 - an aggregate without group by has one row
    return Held(name, row["rows"], row["sum"])


def digest_of(tables: list[Held]) -> str:
    """SHA-256 over the tables, as hexadecimal text."""
    return hashlib.sha256("".join(f"{one.table} {one.rows} {one.sum}\n" for one in tables).encode()).hexdigest()
