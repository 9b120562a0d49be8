"""SQL of signing in with a browser. Times are wall time: a session ends by the clock on the wall."""

import datetime as dt
from typing import NamedTuple
from uuid import UUID

from shared.access import Role
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
    insert into browser_session (session_hash, subject, role, opd, expires_at, by_provider)
    values ($1, $2, $3, $4, $5, $6)
"""
_SESSION = """
    select subject, role, opd, expires_at from browser_session where session_hash = $1 and expires_at > $2
"""
_END = "delete from browser_session where session_hash = $1 returning by_provider"
_OPD_OF_ACTIVE = """
    select coalesce(opd_code, '') from fact_employee where employee_id = $1 and active and not erased
"""
_FORGET = (
    "delete from sign_in_code where expires_at <= $1",
    "delete from browser_session where expires_at <= $1",
)


class Holder(NamedTuple):
    """Who signs in: as the claims of their token say."""

    subject: UUID | None
    role: Role
    opd: str | None


class Code(NamedTuple):
    """What a code opens: until when it does, and when the session ends."""

    holder: Holder
    expires_at: dt.datetime
    session_ends_at: dt.datetime


class Session(NamedTuple):
    holder: Holder
    expires_at: dt.datetime


async def add_code(tx: Tx, code_hash: bytes, code: Code) -> None:
    await tx.connection.execute(_ADD_CODE, code_hash, *code.holder, code.expires_at, code.session_ends_at)


async def take_code(tx: Tx, code_hash: bytes) -> Code | None:
    """What the code opens, gone with this transaction; None for a code that opens nothing."""
    row = await tx.connection.fetchrow(_TAKE_CODE, code_hash)
    if row is None:
        return None
    return Code(Holder(row["subject"], row["role"], row["opd"]), row["expires_at"], row["session_ends_at"])


async def add_session(tx: Tx, session_hash: bytes, session: Session, *, by_provider: bool) -> None:
    await tx.connection.execute(_ADD_SESSION, session_hash, *session.holder, session.expires_at, by_provider)


async def session(tx: Tx, session_hash: bytes, now: dt.datetime) -> Session | None:
    """Whose session this is, while it lasts."""
    row = await tx.connection.fetchrow(_SESSION, session_hash, now)
    return None if row is None else Session(Holder(row["subject"], row["role"], row["opd"]), row["expires_at"])


async def end(tx: Tx, session_hash: bytes) -> bool:
    """True where there was such a session and the city's account had opened it."""
    return bool(await tx.connection.fetchval(_END, session_hash))


async def opd_of_active(tx: Tx, employee_id: UUID) -> str | None:
    """The OPD of somebody whom the directory has as active, "" where it names none; None for everybody else."""
    return await tx.connection.fetchval(_OPD_OF_ACTIVE, employee_id)


async def forget_ended(tx: Tx, now: dt.datetime) -> None:
    """Delete what opens nothing any more."""
    for statement in _FORGET:
        await tx.connection.execute(statement, now)
