"""A door that a whole city knocks at: its plain request is answered where it is read, below the framework.

What the framework does for a door (tasks, layers, matching of paths, dependencies, models of the answer) is worth
its price but for one: at 07:30 it would be a quarter of all that a check-in costs. Such a door has a short way
besides: from the body's bytes to a future, from its result to the answer's bytes. Only what goes well goes that
way: whatever is not the plain case, and whatever fails, is the framework's to answer. So there is one set of
errors, and one description of the door.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar, cast

from fastapi import FastAPI
from msgspec import Struct
from starlette.datastructures import State
from starlette.types import Scope
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from shared import trace
from shared.auth import credentials_of
from shared.server import BoundedProtocol
from shared.telemetry import Answers

MOST_BODY_BYTES = 16 * 1024
"""What is plain is short, and read before reading is ever paused."""

_NUL = b"\\u0000"
_BEGUN = "begun"

Result = TypeVar("Result")


class Asked(Struct, frozen=True, gc=False):
    """What a request says: its bearer token, the traceparent of its own hop, its body as it came, and from where:
    the client's address, as far as the proxies before us are believed; empty where there is none."""

    token: str
    traceparent: str
    body: bytes
    address: str


@dataclass(frozen=True, slots=True)
class Short(Generic[Result]):
    """The short way of one door, for POST to exactly its path, without a query.

    begin: what is asked of an application with this state; None where the framework must judge it, as long as
    nothing has been done. answer: status and JSON of its result. Where what was begun fails, the framework calls
    its door, which finds it in `begun`.
    """

    begin: Callable[[State, Asked], "asyncio.Future[Result] | None"]
    answer: Callable[[Result], tuple[int, bytes]]


class Way(Struct, frozen=True, gc=False):
    """The short way of a door of one application, whoever hosts it."""

    short: Short[Any]
    state: State
    answers: Answers
    """Where its requests are counted."""


def begun(scope: Scope) -> "asyncio.Future[Any] | None":
    """What this request has begun on the short way already; its outcome is the request's."""
    return scope["state"].get(_BEGUN)


class _Plain(Struct, frozen=True, gc=False):
    """A request that may go the short way."""

    cycle: RequestResponseCycle
    way: Way
    token: str
    trace: str
    address: str


class DirectProtocol(BoundedProtocol):
    """One connection to a service, or to a host of some, with short ways: `app.state.direct`, by path."""

    _held: _Plain | None = None
    """The request whose body is not whole yet."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._ways: Mapping[str, Way] = cast("FastAPI", self.config.app).state.direct
        served: object = getattr(self.config, "loaded_app", None)
        self._proxies = served.trusted_hosts if isinstance(served, ProxyHeadersMiddleware) else None

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        way = self._ways.get(cycle.scope["path"])
        plain = self._plain(cycle, way) if way is not None else None
        if plain is None:
            super()._start_asgi_task(cycle, app)
        elif cycle.more_body:
            self._held = plain
        else:
            self._begin(plain)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self._held is not None:
            held, self._held = self._held, None
            self._begin(held)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._held is not None:  # its body will never be whole; that is counted where others are
            self._by_framework(self._held)
            self._held = None

    def _begin(self, plain: _Plain) -> None:
        started = time.perf_counter()
        body = bytes(plain.cycle.body)
        future, hop = None, trace.onward(plain.trace)
        # A fault of ours is the framework's to answer, too: it meets it again, and says so.
        with suppress(Exception):
            if _NUL not in body:
                asked = Asked(plain.token, hop, body, plain.address)
                future = plain.way.short.begin(plain.way.state, asked)
        if future is None:
            self._by_framework(plain)
        else:
            future.add_done_callback(partial(self._answer, plain, started, hop))

    def _by_framework(self, plain: _Plain) -> None:
        super()._start_asgi_task(plain.cycle, cast("Any", self.app))

    def _answer(self, plain: _Plain, started: float, hop: str, future: "asyncio.Future[Any]") -> None:
        cycle = plain.cycle
        told = None
        if not future.cancelled() and future.exception() is None:
            with suppress(Exception):
                told = plain.way.short.answer(future.result())
        if told is None or not cycle.keep_alive or self.flow.write_paused:
            cycle.scope.setdefault("state", {})[_BEGUN] = future
            self._by_framework(plain)
            return
        status, body = told
        seconds = time.perf_counter() - started
        plain.way.answers.count("POST", cycle.scope["path"], status, seconds, hop=hop, came=plain.trace)
        if cycle.disconnected:
            return
        cycle.response_started = cycle.response_complete = True
        around = b"".join([b"%s: %s\r\n" % header for header in cycle.default_headers])
        length = b"content-length: %d\r\ncontent-type: application/json\r\n\r\n" % len(body)
        self.transport.write(STATUS_LINE[status] + around + length + body)
        self.on_response_complete()

    def _plain(self, cycle: RequestResponseCycle, way: Way) -> _Plain | None:
        """The request, where its head says nothing that only the framework looks at: it brings a token and a short
        body of known length, and its connection stays. A head that says anything twice is the framework's."""
        scope = cast("Scope", cycle.scope)
        headers: dict[bytes, bytes] = dict(scope["headers"])
        length = headers.get(b"content-length", b"")
        plain = (
            scope["method"] == "POST"
            and not scope["query_string"]
            and cycle.keep_alive
            and len(headers) == len(scope["headers"])
            and length.isdigit()
            and len(length) <= len(str(MOST_BODY_BYTES))
            and int(length) <= MOST_BODY_BYTES
            and not cycle.waiting_for_100_continue
            and b"transfer-encoding" not in headers
        )
        token, _ = credentials_of(scope) if plain else ("", "")
        if not token:
            return None
        traceparent = headers.get(b"traceparent", b"").decode("ascii", "ignore")
        return _Plain(cycle, way, token, traceparent, self._address(scope, headers.get(b"x-forwarded-for", b"")))

    def _address(self, scope: Scope, forwarded: bytes) -> str:
        """From where a request comes; the server's own middleware, which stands before the framework, says the
        same of every other request."""
        peer = scope["client"][0] if scope["client"] else ""
        if not forwarded or self._proxies is None or peer not in self._proxies:
            return peer
        return self._proxies.get_trusted_client_address(forwarded.decode("latin-1"))[0] or peer
