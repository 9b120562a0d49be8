"""How long it is known where people were when they checked in, and with which devices."""

import datetime as dt

from services.attendance.store.punches import NOTHING, TELLS
from shared.database import Tx

# Each side has an index of its own: what waits to be looked at, however long, and what has been.
_PURGE = f"""
    with looked_at as (
        select punch_id from punch where judged and {TELLS} and received_at < $1
        order by received_at limit $2 for update skip locked
    ), waiting as (
        select punch_id from punch
        where not judged and source in ('app', 'offline') and {TELLS} and received_at < $1
        order by received_at limit $2 for update skip locked
    )
    update punch set {NOTHING} where punch_id in (
        select punch_id from looked_at union all select punch_id from waiting
    )
    returning punch_id
"""  # noqa: S608 - names of columns
_OLDEST = f"""
    select least(
        (select min(received_at) from punch where judged and {TELLS}),
        (select min(received_at) from punch where not judged and source in ('app', 'offline') and {TELLS})
    )
"""  # noqa: S608 - likewise


async def purge(tx: Tx, before: dt.datetime, limit: int) -> int:
    """Purge the positions, addresses, signals and devices of some punches received before then: of at
    most `limit` that have been looked at, and as many that have not; of how many."""
    return len(await tx.connection.fetch(_PURGE, before, limit))


async def oldest(tx: Tx) -> dt.datetime | None:
    """When the oldest punch of which any of that is known was received."""
    return await tx.connection.fetchval(_OLDEST)
