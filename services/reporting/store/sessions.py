"""SQL of signing in with a browser. Times are wall time: a session ends by the clock on the wall."""

import datetime as dt
from uuid import UUID

import asyncpg

from shared.database import Tx

_ADD_CODE = """
    insert into sign_in_code (code_hash, subject, role, opd, expires_at, session_ends_at)
    values ($1, $2, $3, $4, $5, $6)
"""
# Deleting is what makes it open once: of two that come at a time, one finds no row.
_TAKE_CODE = """
    delete from sign_in_code where code_hash = $1 returning subject, role, opd, expires_at, session_ends_at
"""
_ADD_SESSION = """
    insert into browser_session (session_hash, subject, role, opd, expires_at) values ($1, $2, $3, $4, $5)
"""
_SESSION = """
    select subject, role, opd, expires_at from browser_session where session_hash = $1 and expires_at > $2
"""
_END = "delete from browser_session where session_hash = $1"
_FORGET = (
    "delete from sign_in_code where expires_at <= $1",
    "delete from browser_session where expires_at <= $1",
)


async def add_code(
    tx: Tx, code_hash: bytes, holder: tuple[UUID | None, str, str | None], *ends: dt.datetime
) -> None:
    """`holder` is (subject, role, opd); `ends` are the code's end and the end of the session that it opens."""
    await tx.connection.execute(_ADD_CODE, code_hash, *holder, *ends)


async def take_code(tx: Tx, code_hash: bytes) -> asyncpg.Record | None:
    """The code's row, gone with this transaction; None for a code that opens nothing."""
    return await tx.connection.fetchrow(_TAKE_CODE, code_hash)


async def add_session(
    tx: Tx, session_hash: bytes, holder: tuple[UUID | None, str, str | None], ends_at: dt.datetime
) -> None:
    await tx.connection.execute(_ADD_SESSION, session_hash, *holder, ends_at)


async def session(tx: Tx, session_hash: bytes, now: dt.datetime) -> asyncpg.Record | None:
    """Whose session this is, while it lasts."""
    return await tx.connection.fetchrow(_SESSION, session_hash, now)


async def end(tx: Tx, session_hash: bytes) -> None:
    await tx.connection.execute(_END, session_hash)


async def forget_ended(tx: Tx, now: dt.datetime) -> None:
    """Delete what opens nothing any more."""
    for statement in _FORGET:
        await tx.connection.execute(statement, now)
