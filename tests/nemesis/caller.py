"""How writers call the doors: the same request again until somebody answers, and what became of it noted down."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from demo.client import TOKEN_TTL_S, Who, explain, retry_after_s
from shared.auth import sign
from tests.nemesis.history import Command, History, Outcome

PATIENCE_S = 60.0
"""So long a writer asks again; then nobody knows what became of the command."""
ANSWER_S = 20.0
_LATER = frozenset((0, 408, 425, 429, 500, 502, 503, 504))
"""Without an answer, or one that says that another may be had later."""
_UNTOUCHED = frozenset((429,))
"""An answer that says for sure that nothing was done."""


@dataclass(frozen=True, slots=True)
class Request:
    who: Who
    method: str
    path: str
    json: Any = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: Any
    certain: bool
    """Whether no attempt before this one may have done it already."""

    @property
    def outcome(self) -> Outcome:
        if 200 <= self.status < 300:
            return "ok"
        return "failed" if self.certain and self.status not in _LATER else "unknown"


@dataclass
class Caller:
    """One pool of connections to the system, and one history."""

    key: Ed25519PrivateKey
    history: History
    front: str
    session: aiohttp.ClientSession
    numbers: Any = field(default_factory=lambda: count(1))
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when writers are to begin nothing more."""
    attempts: int = 0
    _tokens: dict[Who, str] = field(default_factory=dict[Who, str])

    def token(self, who: Who) -> str:
        if who not in self._tokens:
            self._tokens[who] = sign(
                self.key, role=who.role, subject=who.employee_id, opd=who.opd, ttl_s=TOKEN_TTL_S
            )
        return self._tokens[who]

    async def once(self, request: Request, base: str = "") -> tuple[int, Any, float]:
        """(status, body, seconds to wait before asking again); a status of 0 without an answer."""
        headers = {"authorization": f"Bearer {self.token(request.who)}", "accept-language": "en"}
        if request.text is not None:
            headers["content-type"] = "text/csv; charset=utf-8"
        self.attempts += 1
        try:
            async with self.session.request(
                request.method,
                (base or self.front) + request.path,
                json=request.json,
                data=request.text.encode() if request.text is not None else None,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=ANSWER_S),
            ) as answer:
                body = await answer.read()
                wait_s = retry_after_s(answer.headers.get("retry-after", ""))
                try:
                    read = await answer.json(content_type=None)
                except ValueError:
                    read = body.decode(errors="replace")
                return answer.status, read, wait_s
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return 0, f"{type(error).__name__}: {error}", 0.0

    async def until_heard(self, request: Request, base: str = "", *, again: bool = True) -> Reply:
        """The answer after which asking again changes nothing. `again`: whether a repetition is safe."""
        began, pause, certain = time.monotonic(), 0.1, True
        while True:
            status, body, wait_s = await self.once(request, base)
            if status not in _LATER or not again or time.monotonic() - began > PATIENCE_S:
                return Reply(status, body, certain)
            certain = certain and status in _UNTOUCHED
            await asyncio.sleep(min(5.0, max(pause, wait_s)))
            pause = min(2.0, pause * 2)

    def begin(
        self, writer: str, kind: str, key: str, ident: str, *, rank: int = 0, number: int | None = None
    ) -> int:
        """Note that a command begins; returns its number."""
        chosen = next(self.numbers) if number is None else number
        self.history.began(Command(chosen, writer, kind, key, ident, time.monotonic(), rank=rank))
        return chosen

    def end(self, number: int, reply: Reply, rank: int = 0) -> None:
        outcome = reply.outcome
        heard = str(reply.status) if outcome == "ok" else f"{reply.status} {explain(reply.body)}"
        self.history.ended(number, completed=time.monotonic(), outcome=outcome, rank=rank, heard=heard)

    def end_each(self, numbers: Sequence[int], replies: Sequence[Reply]) -> None:
        for number, reply in zip(numbers, replies, strict=True):
            self.end(number, reply)
