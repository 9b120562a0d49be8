"""No caller takes what belongs to all: how much one may ask for at a time, and how fast.

A caller is a person by their token, else the token or session itself, else the address that the request came from:
behind one office's router sit hundreds of people, so an address only counts for those who have not signed in.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import ceil

from starlette.types import Scope

from shared.auth import RECOGNISED, Authenticator, TokenError, credentials_of, person_key
from shared.http import Problem

AT_ONCE = 6
"""Requests of one caller that are worked on at a time; the others of theirs wait, and nobody else's do."""

IN_LINE = 90
"""Requests of one caller that may wait for their turn."""

PER_SECOND = 200.0
BURST = 1000.0
"""Requests that a caller may make on top of PER_SECOND after a quiet while."""

STREAMS = 8
"""Event streams that a caller may follow at a time: each open page of the board has one, and each inbox."""

REMEMBERED = 20_000


@dataclass(slots=True)
class _Caller:
    left: float
    seen_at: float
    slots: asyncio.Semaphore
    here: int = 0
    streams: int = 0


class Turn:
    """One request's place; `over` gives back what it holds, at the latest when the request ends."""

    def __init__(self, callers: "Callers", caller: _Caller) -> None:
        self._callers = callers
        self._works: _Caller | None = caller
        self._streams: _Caller | None = None

    def to_stream(self, scope: Scope) -> None:
        """An event stream is about to begin: it waits, mostly, and holds no place of those that work.

        Counted for the person whom the door has recognised, however many sessions they have. Raises a 429 Problem
        where they follow STREAMS already.
        """
        follower = self._callers.known(str(scope["state"].get(RECOGNISED) or key_of(scope)))
        if follower.streams >= STREAMS:
            raise Problem(429, "too_many_streams", params={"most": STREAMS}, headers={"Retry-After": "15"})
        follower.streams += 1
        self._streams = follower
        self._stop_work()

    def over(self) -> None:
        self._stop_work()
        if self._streams is not None:
            self._streams.streams -= 1
            self._streams = None

    def _stop_work(self) -> None:
        if self._works is not None:
            self._works.here -= 1
            self._works.slots.release()
            self._works = None


class Callers:
    """Who is asking for what, in one process of one service. `free` are path prefixes that are never refused.

    `now` gives seconds that only grow.
    """

    def __init__(self, free: Sequence[str], now: Callable[[], float] = time.monotonic) -> None:
        self._free = tuple(free)
        self._now = now
        self._known: OrderedDict[str, _Caller] = OrderedDict()

    def exempt(self, scope: Scope) -> bool:
        path: str = scope["path"]
        return path.startswith(self._free)

    @asynccontextmanager
    async def turn(self, scope: Scope) -> AsyncGenerator[Turn, None]:
        """The caller's turn, once it is theirs. Raises a 429 Problem that says when to come back."""
        caller = self.known(key_of(scope))
        now = self._now()
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
        turn = Turn(self, caller)
        try:
            yield turn
        finally:
            turn.over()

    def known(self, key: str) -> _Caller:
        """What is remembered of a caller."""
        caller = self._known.get(key)
        if caller is None:
            caller = self._known[key] = _Caller(BURST, self._now(), asyncio.Semaphore(AT_ONCE))
            if len(self._known) > REMEMBERED:
                self._forget()
        self._known.move_to_end(key)
        return caller

    def _forget(self) -> None:
        """Drop the half that has been quiet for longest, but nobody who is here."""
        for key in list(self._known)[: REMEMBERED // 2]:
            if not self._known[key].here and not self._known[key].streams:
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
            return person_key(who) if who.subject else f"token {hash(token)}"
    elif session:
        return f"session {hash(session)}"
    client = scope.get("client")
    return f"address {client[0] if client else '-'}"
