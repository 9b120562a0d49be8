"""No caller takes what belongs to all: how much one may ask for at a time, and how fast.

A caller is a person by their token, else the token or session itself, else the address that the request came from:
behind one office's router sit hundreds of people, so an address only counts for those who have not signed in.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import ceil

from starlette.types import Scope

from shared.auth import Authenticator, TokenError, credentials_of
from shared.http import Problem

AT_ONCE = 6
"""Requests of one caller that are worked on at a time; the others of theirs wait, and nobody else's do."""

IN_LINE = 90
"""Requests of one caller that may wait for their turn."""

PER_SECOND = 200.0
BURST = 1000.0
"""Requests that a caller may make on top of PER_SECOND after a quiet while."""

REMEMBERED = 20_000


@dataclass(slots=True)
class _Caller:
    left: float
    seen_at: float
    slots: asyncio.Semaphore
    here: int = 0


@dataclass(slots=True)
class Turn:
    """One request's place; `over` gives it back, at the latest when the request ends."""

    caller: _Caller
    _held: bool = field(default=True)

    def over(self) -> None:
        if self._held:
            self._held = False
            self.caller.here -= 1
            self.caller.slots.release()


class Callers:
    """Who is asking for what, in one process of one service. `free` are path prefixes that are never refused."""

    def __init__(self, free: Sequence[str]) -> None:
        self._free = tuple(free)
        self._known: OrderedDict[str, _Caller] = OrderedDict()

    def exempt(self, scope: Scope) -> bool:
        path: str = scope["path"]
        return path.startswith(self._free)

    @asynccontextmanager
    async def turn(self, scope: Scope) -> AsyncGenerator[Turn, None]:
        """The caller's turn, once it is theirs. Raises a 429 Problem that says when to come back."""
        caller = self._caller(key_of(scope))
        now = time.monotonic()
        caller.left = min(BURST, caller.left + (now - caller.seen_at) * PER_SECOND)
        caller.seen_at = now
        if caller.left < 1:
            raise _later(ceil((1 - caller.left) / PER_SECOND))
        if caller.here >= AT_ONCE + IN_LINE:
            raise _later(1)
        caller.left -= 1
        caller.here += 1
        try:
            await caller.slots.acquire()
        except BaseException:
            caller.here -= 1
            raise
        turn = Turn(caller)
        try:
            yield turn
        finally:
            turn.over()

    def _caller(self, key: str) -> _Caller:
        caller = self._known.get(key)
        if caller is None:
            caller = self._known[key] = _Caller(BURST, time.monotonic(), asyncio.Semaphore(AT_ONCE))
            if len(self._known) > REMEMBERED:
                self._forget()
        self._known.move_to_end(key)
        return caller

    def _forget(self) -> None:
        """Drop the half that has been quiet for longest, but nobody who is here."""
        for key in list(self._known)[: REMEMBERED // 2]:
            if not self._known[key].here:
                del self._known[key]


def _later(seconds: int) -> Problem:
    return Problem(429, "too_many", params={"seconds": seconds}, headers={"Retry-After": str(seconds)})


def key_of(scope: Scope) -> str:
    """Who asks, as far as it can be told without asking anybody."""
    token, session = credentials_of(scope)
    if token:
        authenticator: Authenticator = scope["app"].state.authenticator
        try:
            who = authenticator.verify(token)
        except TokenError:
            pass
        else:
            return f"person {who.subject}" if who.subject else f"token {hash(token)}"
    elif session:
        return f"session {hash(session)}"
    client = scope.get("client")
    return f"address {client[0] if client else '-'}"
