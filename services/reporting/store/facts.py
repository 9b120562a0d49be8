"""What the fold needs beside shared.facts: locks, the wake-up, and the digest that names the facts."""

import hashlib
from collections.abc import Iterable, Sequence

from shared.database import Tx

CHANNEL = "facts"
"""NOTIFY channel: facts changed, and what follows from them is to be computed. It has no payload."""

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


async def tell(tx: Tx) -> None:
    """Wake who computes what follows from the facts, once this transaction is committed."""
    await tx.connection.execute("select pg_notify($1, '')", CHANNEL)


async def digest(tx: Tx, tables: Iterable[tuple[str, Sequence[str]]]) -> str:
    """Memory stays flat: rows come through a cursor.

    What is null is not in it: rows that were written before a field was added lack it, and are the same facts.
    """
    await tx.connection.execute(
        "select set_config('timezone', 'UTC', true), set_config('extra_float_digits', '1', true), "
        "set_config('bytea_output', 'hex', true)"
    )
    hashed = hashlib.sha256()
    for name, key in tables:
        hashed.update(f"{name}\n".encode())
        order = ", ".join(f'{column}::text collate "C"' for column in key)
        line = "jsonb_strip_nulls(to_jsonb(facts))::text"
        query = f"select {line} as line from {name} as facts order by {order}"  # noqa: S608 - declared names
        async for row in tx.connection.cursor(query, prefetch=2000):
            hashed.update(row["line"].encode() + b"\n")
    return hashed.hexdigest()
