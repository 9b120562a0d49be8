"""Browser sessions: a token makes a code, the code opens one session, and signing out ends it at once."""

import datetime as dt
import hashlib
import secrets
import time

from services.reporting.store import sessions as store
from shared.access import Role
from shared.auth import Principal
from shared.database import Database

CODE_S = 600
"""Seconds in which a sign-in link can be used, once."""

SESSION_S = 8 * 3600
"""The longest session, in seconds: a working day. None outlives the token that it was made with."""


def _hash(secret: str) -> bytes:
    # 192 random bits need no slow hash.
    return hashlib.sha256(secret.encode()).digest()


def _wall(seconds: float = 0.0) -> dt.datetime:
    return dt.datetime.fromtimestamp(time.time() + seconds, dt.UTC)


def _holder(who: Principal) -> tuple[object, str, str | None]:
    return who.subject, who.role, who.opd


class Sessions:
    """The sessions of all browsers, in the database: every process knows them, and a sign-out reaches all."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def code_for(self, who: Principal) -> tuple[str, dt.datetime]:
        """(a code that opens a session as `who`, when it stops doing so)."""
        code, ends_at = secrets.token_urlsafe(24), _wall(CODE_S)
        session_ends_at = min(_wall(SESSION_S), dt.datetime.fromtimestamp(who.expires, dt.UTC))
        async with self._db.transaction() as tx:
            await store.forget_ended(tx, _wall())
            await store.add_code(tx, _hash(code), (who.subject, who.role, who.opd), ends_at, session_ends_at)
        return code, ends_at

    async def swap(self, code: str) -> tuple[str, dt.datetime] | None:
        """(a session, when it ends) for a code that has not been used; None for any other text."""
        session = secrets.token_urlsafe(24)
        async with self._db.transaction() as tx:
            row = await store.take_code(tx, _hash(code))
            if row is None or row["expires_at"] <= _wall():
                return None
            holder = (row["subject"], row["role"], row["opd"])
            await store.add_session(tx, _hash(session), holder, row["session_ends_at"])
        return session, row["session_ends_at"]

    async def holder(self, session: str) -> Principal | None:
        """Whose session it is; None once it has ended."""
        async with self._db.read() as tx:
            row = await store.session(tx, _hash(session), _wall())
        if row is None:
            return None
        role: Role = row["role"]
        return Principal(row["subject"], role, row["opd"], row["expires_at"].timestamp())

    async def end(self, session: str) -> None:
        """From now on it opens nothing, here and in every other process."""
        async with self._db.transaction() as tx:
            await store.end(tx, _hash(session))
