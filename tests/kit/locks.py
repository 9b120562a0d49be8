"""Who waits in one database: other databases of the server have waits of their own."""

from shared.database import Database

_WAITS = """
    select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
    and wait_event = coalesce($1, wait_event)
"""


async def waiting(db: Database, lock: str | None = None) -> int:
    """How many sessions wait for what another holds: a row, a table, or `lock="advisory"` alone.

    Each call is a transaction of its own, which is why it sees anything new.
    """
    async with db.read() as tx:
        return await tx.connection.fetchval(_WAITS, lock)
