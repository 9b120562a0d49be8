"""Browser sessions: a token makes a code, the code opens one session, and signing out ends it at once.

A page's script acts by a short token of its session: it lies in the page's memory only, and a form of another site
cannot send it.
"""

import datetime as dt
import hashlib
import secrets
import time
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.reporting.store import sessions as store
from services.reporting.store.sessions import Code, Holder, Session
from shared.auth import LEEWAY_S, Principal, sign_until
from shared.database import Database

CODE_S = 600
"""Seconds in which a sign-in link can be used, once."""

SESSION_S = 8 * 3600
"""The longest session, in seconds: a working day. None outlives the token that it was made with. Only staff who
signed in by the city's account have a longer one."""

TOKEN_S = 900
"""The longest life of a session's token, in seconds: what a sign-out elsewhere cannot take back ends by itself."""


def _hash(secret: str) -> bytes:
    # 192 random bits need no slow hash.
    return hashlib.sha256(secret.encode()).digest()


def _wall(seconds: float = 0.0) -> dt.datetime:
    return dt.datetime.fromtimestamp(time.time() + seconds, dt.UTC)


class Token(NamedTuple):
    """A bearer token, and when it expires."""

    text: str
    expires_at: dt.datetime


class Sessions:
    """The sessions of all browsers, in the database: every process knows them, and a sign-out reaches all."""

    def __init__(self, db: Database, key: Ed25519PrivateKey | None = None) -> None:
        self._db, self._key = db, key

    @property
    def gives_tokens(self) -> bool:
        """Whether there is a key to sign the tokens of sessions with."""
        return self._key is not None

    def token_for(self, who: Principal) -> Token | None:
        """A token of the session that `who` is the holder of; None in the session's last minute.

        It expires a minute before the session, so that no clock that goes behind believes it for longer.
        Raises LookupError where there is no key.
        """
        if self._key is None:
            raise LookupError("no key for the tokens of sessions")
        expires = int(min(time.time() + TOKEN_S, who.expires - LEEWAY_S))
        if expires <= time.time():
            return None
        text = sign_until(self._key, expires, role=who.role, subject=who.subject, opd=who.opd)
        return Token(text, dt.datetime.fromtimestamp(expires, dt.UTC))

    async def code_for(self, who: Principal) -> tuple[str, dt.datetime]:
        """(a code that opens a session as `who`, when it stops doing so)."""
        secret, ends_at = secrets.token_urlsafe(24), _wall(CODE_S)
        session_ends_at = min(_wall(SESSION_S), dt.datetime.fromtimestamp(who.expires, dt.UTC))
        code = Code(Holder(who.subject, who.role, who.opd), ends_at, session_ends_at)
        async with self._db.transaction() as tx:
            await store.forget_ended(tx, _wall())
            await store.add_code(tx, _hash(secret), code)
        return secret, ends_at

    async def swap(self, secret: str) -> tuple[str, dt.datetime] | None:
        """(a session, when it ends) for a code that has not been used; None for any other text."""
        session = secrets.token_urlsafe(24)
        async with self._db.transaction() as tx:
            code = await store.take_code(tx, _hash(secret))
            if code is None or code.expires_at <= _wall():
                return None
            await store.add_session(
                tx, _hash(session), Session(code.holder, code.session_ends_at), by_provider=False
            )
        return session, code.session_ends_at

    async def open(self, holder: Holder, for_s: float = SESSION_S) -> tuple[str, dt.datetime]:
        """(a session, when it ends) for whoever the city's account has told us of."""
        session, ends_at = secrets.token_urlsafe(24), _wall(for_s)
        async with self._db.transaction() as tx:
            await store.forget_ended(tx, _wall())
            await store.add_session(tx, _hash(session), Session(holder, ends_at), by_provider=True)
        return session, ends_at

    async def holder(self, session: str) -> Principal | None:
        """Whose session it is; None once it has ended."""
        async with self._db.read() as tx:
            kept = await store.session(tx, _hash(session), _wall())
        if kept is None:
            return None
        return Principal(kept.holder.subject, kept.holder.role, kept.holder.opd, kept.expires_at.timestamp())

    async def end(self, session: str) -> bool:
        """From now on it opens nothing, in any process. True where the city's account had opened it."""
        async with self._db.transaction() as tx:
            return await store.end(tx, _hash(session))
