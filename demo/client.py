"""Thousands of apps over one pool of connections: every call carries the token of the person who makes it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from json import loads
from types import TracebackType
from typing import Any, Self, cast
from uuid import UUID

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.auth import Role, sign

CONNECTIONS = 48
GIVE_UP_AFTER_S = 60.0
TOKEN_TTL_S = 12 * 3600.0


class Refused(Exception):
    """A call was answered with an error that trying again does not mend."""


@dataclass(frozen=True)
class Who:
    """The caller: an employee in a role, or an office account."""

    role: Role
    employee_id: UUID | None = None
    opd: str | None = None


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    received: float
    """Wall time of the answer, Unix seconds."""


@dataclass
class Traffic:
    """What the pace is set by: how long the latest calls took."""

    latest: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=4000))
    calls: int = 0
    retries: int = 0

    def slowest(self, share: float, *, within_s: float = 1.0) -> float:
        """The quantile `share` of the call times in the last `within_s` seconds, in seconds; 0 without calls."""
        since = time.time() - within_s
        took = sorted(t for at, t in self.latest if at >= since)
        return took[min(len(took) - 1, int(share * len(took)))] if took else 0.0


class Client:
    """HTTP to one system. An unavailable service is asked again, as an app would; the same id makes that safe."""

    def __init__(self, base: str, key: Ed25519PrivateKey) -> None:
        self.base = base.rstrip("/")
        self._key = key
        self._tokens: dict[Who, str] = {}
        self.traffic = Traffic()

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=60)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=600)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    def token(self, who: Who) -> str:
        if who not in self._tokens:
            self._tokens[who] = sign(
                self._key, role=who.role, subject=who.employee_id, opd=who.opd, ttl_s=TOKEN_TTL_S
            )
        return self._tokens[who]

    async def call(
        self,
        who: Who,
        method: str,
        path: str,
        *,
        json: Any = None,
        text: str | None = None,
        params: Mapping[str, str] | None = None,
        accept: tuple[int, ...] = (200, 201),
    ) -> Answer:
        """The answer, if its status is one of `accept`.

        Raises Refused for another status, and for a system that stays away for a minute.
        """
        headers = {"authorization": f"Bearer {self.token(who)}", "accept-language": "en"}
        if text is not None:
            headers["content-type"] = "text/csv; charset=utf-8"
        patience = time.monotonic() + GIVE_UP_AFTER_S
        pause = 0.05
        while True:
            began = time.perf_counter()
            wanted_s = 0.0
            try:
                async with self._session.request(
                    method,
                    self.base + path,
                    json=json,
                    data=text.encode() if text is not None else None,
                    params=params,
                    headers=headers,
                ) as response:
                    body = _read(await response.read())
                    status = response.status
                    wanted_s = retry_after_s(response.headers.get("retry-after", ""))
            except (aiohttp.ClientError, TimeoutError) as error:
                status, body = 0, f"{type(error).__name__}: {error}"
            now = time.time()
            self.traffic.calls += 1
            self.traffic.latest.append((now, time.perf_counter() - began))
            if status in accept:
                return Answer(status, body, now)
            if status not in (0, 429, 502, 503, 504) or time.monotonic() > patience:
                raise Refused(f"{method} {path}: {status or 'no answer'} {explain(body)}")
            self.traffic.retries += 1
            await asyncio.sleep(max(pause, wanted_s))
            pause = min(2.0, pause * 2)

    async def items(self, who: Who, path: str, params: Mapping[str, str] | None = None) -> list[Any]:
        """All items of a list, page by page, each as large as its door gives it."""
        found: list[Any] = []
        cursor: str | None = None
        while True:
            more = {"cursor": cursor} if cursor else {}
            answer = await self.call(who, "GET", path, params={**(params or {}), **more})
            found += answer.body["items"]
            cursor = answer.body.get("next")
            if cursor is None:
                return found

    def stream(self, who: Who, path: str) -> Any:
        """A response to read server-sent events from, as a context manager."""
        headers = {"authorization": f"Bearer {self.token(who)}", "accept": "text/event-stream"}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=None)
        return self._session.get(self.base + path, headers=headers, timeout=timeout)


def retry_after_s(given: str) -> float:
    """The seconds of a Retry-After header (RFC 9110 10.2.3), at most half a minute; 0 for none or a date."""
    return min(30.0, float(given)) if given.isascii() and given.isdigit() else 0.0


def _read(body: bytes) -> Any:
    """The JSON of an answer, or its text where it is none: a crash says so in plain words."""
    try:
        return loads(body)
    except ValueError:
        return body.decode(errors="replace")


def explain(body: Any) -> str:
    """A problem+json in one line."""
    if not isinstance(body, dict):
        return str(body)[:300]
    problem = cast("dict[str, Any]", body)
    errors = "; ".join(str(e) for e in problem.get("errors", [])[:5])
    return f"{problem.get('detail', problem)} {errors}".strip()[:1500]
