"""What the fold needs beside shared.facts: the dates it touched, and the digest that names the facts."""

import datetime as dt
import hashlib
from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from shared.database import Tx

CHANNEL = "facts"
"""NOTIFY channel: the payload is `<work dates>;<employee ids>`, comma-separated, each `*` for any."""

# A payload has fewer than 8,000 bytes.
_MOST_DATES_NAMED = 30
_MOST_PEOPLE_NAMED = 2000
_NAMES_A_NOTICE = 200

_VOIDS = "select pg_advisory_xact_lock(hashtext('hadir.voids'))"
_PUNCHES = "select pg_advisory_xact_lock_shared(hashtext('hadir.voids'))"


async def void(tx: Tx) -> None:
    """Said before voids are joined: waits for those who write punches, and they for this transaction.

    The person-day of a void's punch, which may be another than the void says, is touched if the punch is there.
    A punch that comes meanwhile would be there too late, and be computed before the void is.
    """
    await tx.connection.execute(_VOIDS)


async def punch(tx: Tx) -> None:
    """Said before punches are joined: waits for those who write voids. They come in side by side."""
    await tx.connection.execute(_PUNCHES)


async def dates_of_punches(tx: Tx, punch_ids: Sequence[UUID]) -> set[dt.date]:
    rows = await tx.connection.fetch(
        "select distinct work_date from fact_punch where punch_id = any($1)", punch_ids
    )
    return {row["work_date"] for row in rows}


async def tell(
    tx: Tx,
    dates: Collection[dt.date | None],
    people: Collection[UUID] | None = None,
    *,
    counters: bool = False,
) -> None:
    """Say to who listens that verdicts of these work dates may have changed (None: of every date).

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
    await tx.connection.execute(
        "select pg_notify($1, payload) from unnest($2::text[]) as payload", CHANNEL, payloads
    )


async def digest(tx: Tx, tables: Iterable[tuple[str, Sequence[str]]]) -> str:
    """Memory stays flat: rows come through a cursor."""
    await tx.connection.execute(
        "select set_config('timezone', 'UTC', true), set_config('datestyle', 'ISO', true), "
        "set_config('extra_float_digits', '1', true), set_config('bytea_output', 'hex', true)"
    )
    hashed = hashlib.sha256()
    for name, key in tables:
        hashed.update(f"{name}\n".encode())
        order = ", ".join(f'{column}::text collate "C"' for column in key)
        query = f"select facts::text as line from {name} as facts order by {order}"  # noqa: S608 - declared names
        async for row in tx.connection.cursor(query, prefetch=2000):
            hashed.update(row["line"].encode() + b"\n")
    return hashed.hexdigest()
