"""What the fold and the rebuild need beside shared.facts: touched dates, the digest, emptying the tables."""

import datetime as dt
import hashlib
from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

Connection = Any
"""An asyncpg connection inside a transaction."""

CHANNEL = "facts"
"""NOTIFY channel: the payload is `<work dates>;<employee ids>`, comma-separated, each `*` for any."""

# A payload has fewer than 8,000 bytes.
_MOST_DATES_NAMED = 30
_MOST_PEOPLE_NAMED = 2000
_NAMES_A_NOTICE = 200


async def dates_of_punches(connection: Connection, punch_ids: Sequence[UUID]) -> set[dt.date]:
    rows = await connection.fetch("select distinct work_date from fact_punch where punch_id = any($1)", punch_ids)
    return {row["work_date"] for row in rows}


async def touch(
    connection: Connection,
    dates: Collection[dt.date | None],
    people: Collection[UUID] | None = None,
    *,
    counters: bool = False,
) -> None:
    """Note that verdicts of these work dates may have changed (None: of every date), and wake who listens.

    `people` are those whose facts changed, None for anyone. `counters`: units changed, which no verdict depends
    on, but every view of a counter.
    """
    named = ",".join(sorted(str(date) for date in dates if date is not None))
    if counters or None in dates or len(dates) > _MOST_DATES_NAMED:
        named, people = "*", None
    if people is None or len(people) > _MOST_PEOPLE_NAMED:
        payloads = [f"{named};*"]
    else:
        names = [person.hex for person in people] or [""]
        payloads = [
            f"{named};{','.join(names[first : first + _NAMES_A_NOTICE])}"
            for first in range(0, len(names), _NAMES_A_NOTICE)
        ]
    await connection.execute(
        """
        with noted as (insert into touched (work_date) select * from unnest($1::date[]))
        select pg_notify($2, payload) from unnest($3::text[]) as payload
        """,
        list(dates),
        CHANNEL,
        payloads,
    )


async def digest(connection: Connection, tables: Iterable[tuple[str, Sequence[str]]]) -> str:
    """Memory stays flat: rows come through a cursor."""
    await connection.execute(
        "select set_config('timezone', 'UTC', true), set_config('datestyle', 'ISO', true), "
        "set_config('extra_float_digits', '1', true), set_config('bytea_output', 'hex', true)"
    )
    hashed = hashlib.sha256()
    for name, key in tables:
        hashed.update(f"{name}\n".encode())
        order = ", ".join(f'{column}::text collate "C"' for column in key)
        query = f"select facts::text as line from {name} as facts order by {order}"  # noqa: S608 - declared names
        async for row in connection.cursor(query, prefetch=2000):
            hashed.update(row["line"].encode() + b"\n")
    return hashed.hexdigest()


async def lock_rebuild(connection: Connection) -> bool:
    """Whether this session may rebuild; the lock is held until the session ends."""
    return bool(await connection.fetchval("select pg_try_advisory_lock(hashtext('hadir.rebuild'))"))


async def empty(connection: Connection, tables: Iterable[str]) -> None:
    """Empty the fact tables and leave the marker that keeps the ticker still."""
    # The ticker's lock: its transaction under way ends before the facts go.
    await connection.execute("select pg_advisory_xact_lock(hashtext('hadir.transitions'))")
    await connection.execute("insert into rebuilding (unfinished) values (true) on conflict do nothing")
    await connection.execute(f"truncate {', '.join(tables)}, touched, next_due")


async def rebuilt(connection: Connection, tables: Iterable[str]) -> None:
    """Take the marker away; every date of the last weeks is looked at again."""
    await connection.execute(f"analyze {', '.join(tables)}")
    await connection.execute("delete from rebuilding")
    await touch(connection, [None])
