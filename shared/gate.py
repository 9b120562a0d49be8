"""The outermost layer of a service: what every request meets before anything parses it."""

import asyncio
import contextlib
import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any, cast

from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import failures, trace
from shared.callers import Callers
from shared.database import STATEMENT_TIMEOUT_S
from shared.http import Problem, as_problem, problem_response
from shared.refusals import FieldError, Invalid
from shared.telemetry import Answers, Metrics

log = logging.getLogger(__name__)

DEFAULT_BODY_LIMIT = 256 * 1024
LET_FINISH = 4
LET_FINISH_S = 20.0
"""A file less than so many times too large is read to its end, for so many seconds, before it is refused."""

CLIENT_GONE = 499
"""Counted where the client left before there was an answer: neither side's failure. The number is nginx's."""

_CANCELLED = "57014"
_NO_SUCH_TEXT = {"22021", "22P05"}
"""PostgreSQL: character not in repertoire, untranslatable character."""

_NUL_ESCAPE = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class Gate:
    """Counts and times each request, limits its body, its caller and its time, and refuses what nobody can store.

    `read_timeout_s` is how long a statement of a reading door may take; None: as long as it likes.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: Metrics,
        body_limits: Mapping[str, int],
        callers: Callers | None = None,
        read_timeout_s: float | None = None,
    ) -> None:
        self._app = app
        self._answers = Answers(metrics)
        self._body_limits = body_limits
        self._callers = callers
        self._read_timeout_s = read_timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})
        method: str = scope["method"]
        exchange = _Exchange(receive, send, _limit(self._body_limits, scope["path"]), _is_json(scope))
        if method == "HEAD":
            # Every door that can be read answers it, with what GET would say before its body (RFC 9110, 9.3.2).
            scope = {**scope, "method": "GET"}  # the server's own still says HEAD
            exchange.head_only = True
        # The task is the request's own: nothing is taken back, and who answers a crash stands outside of here.
        came = _header(scope, b"traceparent").decode("ascii", "ignore")
        trace.begin(came)
        started = time.perf_counter()
        try:
            await self._answered(scope, exchange)
        except _Enough:
            pass
        finally:
            if exchange.gone.is_set() and exchange.status is None:
                exchange.status = CLIENT_GONE
                log.debug("the client left before the answer", extra={"fields": {"path": scope["path"]}})
            route = getattr(scope.get("route"), "path", "none")
            seconds = time.perf_counter() - started
            self._answers.count(method, route, exchange.status or 500, seconds, hop=trace.current(), came=came)

    async def _answered(self, scope: Scope, exchange: "_Exchange") -> None:
        try:
            await self._pass(scope, exchange)
        except ClientDisconnect:
            exchange.gone.set()
        except _Instead as other:
            await problem_response(Request(scope), other.problem)(scope, exchange.receive, exchange.send)
        except Exception as error:
            # Here and not among the handlers of exceptions: those go by type, and drivers, pools, sessions and
            # task groups each wrap what happened in types of their own.
            problem = None if exchange.status is not None else _of_storage(error, reading=_is_reading(scope))
            if problem is None:
                raise
            await problem_response(Request(scope), problem)(scope, exchange.receive, exchange.send)

    async def _pass(self, scope: Scope, exchange: "_Exchange") -> None:
        problem = _refused(scope, exchange.limit)
        if problem is not None:
            if problem.status_code == 413 and exchange.limit > DEFAULT_BODY_LIMIT:
                await exchange.let_finish(int(_header(scope, b"content-length")))
            await problem_response(Request(scope), problem)(scope, exchange.receive, exchange.send)
            return
        if self._callers is None or self._callers.exempt(scope):
            await self._answer(scope, exchange)
            return
        try:
            async with self._callers.turn(scope) as turn:
                exchange.on_stream = partial(turn.to_stream, scope)
                await self._answer(scope, exchange)
        except Problem as problem:
            if exchange.status is not None:
                raise
            await problem_response(Request(scope), problem)(scope, exchange.receive, exchange.send)

    async def _answer(self, scope: Scope, exchange: "_Exchange") -> None:
        if not _is_reading(scope):
            await self._app(scope, exchange.receive, exchange.send)
            return
        timeout = STATEMENT_TIMEOUT_S.set(self._read_timeout_s)
        work = asyncio.ensure_future(self._app(scope, exchange.watched_receive, exchange.send))
        STATEMENT_TIMEOUT_S.reset(timeout)
        watch = asyncio.ensure_future(exchange.watch())
        try:
            await asyncio.wait((work, watch), return_when=asyncio.FIRST_COMPLETED)
            if not work.done() and exchange.status is None:
                # Nobody will read it: what it asked of the database ends with it.
                work.cancel()
                await asyncio.wait((work,))
            if not work.cancelled():
                await work
        finally:
            watch.cancel()
            if not work.done():
                work.cancel()
                await asyncio.wait((work,))


def _is_reading(scope: Scope) -> bool:
    return scope["method"] == "GET"


def _of_storage(error: Exception, *, reading: bool) -> Problem | None:
    """The answer where storage is away, too slow, or cannot hold what was given; None for any other failure."""
    codes = {failures.sqlstate_of(one) for one in failures.causes(error)}
    if codes & _NO_SUCH_TEXT:
        return _nul("body")
    if not failures.is_away(error):
        return None
    log.warning(
        "storage is away",
        extra={"sparing": "storage", "fields": {"failure": f"{type(error).__name__}: {error}"}},
    )
    if reading and _CANCELLED in codes:
        return Problem(503, "too_slow", headers={"Retry-After": "10"})
    return Problem(503, "unavailable", headers={"Retry-After": "2"})


def _limit(body_limits: Mapping[str, int], path: str) -> int:
    for place, limit in body_limits.items():
        prefix, _, suffix = place.partition("*")
        if path.startswith(prefix) and path.endswith(suffix):
            return limit
    return DEFAULT_BODY_LIMIT


def _header(scope: Scope, name: bytes) -> bytes:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    return next((value for key, value in headers if key == name), b"")


def _is_json(scope: Scope) -> bool:
    return b"json" in _header(scope, b"content-type")


def _refused(scope: Scope, limit: int) -> Problem | None:
    """What is wrong with a request by its head alone."""
    declared = _header(scope, b"content-length")
    if declared.isdigit() and int(declared) > limit:
        return Problem(413, "body_too_large", params={"limit": limit}, headers={"Connection": "close"})
    # PostgreSQL holds no NUL in text, so no id, code or name can have one.
    if "\x00" in scope["path"]:
        return _nul("path")
    if b"%00" in scope["query_string"] or b"\x00" in scope["query_string"]:
        return _nul("query")
    return None


def _place_of_nul(body: bytes) -> str:
    """The path in a JSON body of its first text with NUL, such as `items.0.task`; `body` where none is found."""
    try:
        waiting: list[tuple[str, Any]] = [("", json.loads(body))]
    except (ValueError, RecursionError):
        return "body"
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, str) and "\x00" in value:
            return path[1:] or "body"
        if isinstance(value, dict):
            parts: list[tuple[Any, Any]] = list(cast("dict[Any, Any]", value).items())
            if any("\x00" in str(name) for name, _ in parts):
                return path[1:] or "body"
        else:
            parts = list(enumerate(cast("list[Any]", value))) if isinstance(value, list) else []
        waiting += [(f"{path}.{name}", part) for name, part in reversed(parts)]
    return "body"


def _nul(where: str) -> Problem:
    return as_problem(Invalid("validation", errors=[FieldError(where, "text.nul")]))


class _Exchange:
    """One request's two directions, and what is known of them so far."""

    def __init__(self, receive: Receive, send: Send, limit: int, is_json: bool) -> None:
        self._receive = receive
        self._send = send
        self.limit = limit
        self._is_json = is_json
        self._seen = 0
        self._tail = b""
        self._body: list[bytes] = []
        self._suspect = False
        self.status: int | None = None
        self.gone = asyncio.Event()
        self.head_only = False
        self.on_stream: Callable[[], None] | None = None

    @cached_property
    def _read(self) -> "asyncio.Queue[Message | Problem]":
        """Of a client that is watched; nobody else's request needs one."""
        return asyncio.Queue()

    async def receive(self) -> Message:
        """As the server gives it, within the limit. Raises a Problem for a body that cannot be taken."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            if self.status is None:
                self.gone.set()
            return message
        chunk: bytes = message.get("body", b"")
        self._seen += len(chunk)
        if self._seen > self.limit:
            raise Problem(413, "body_too_large", params={"limit": self.limit})
        if self._is_json:
            self._look_for_nul(chunk, last=not message.get("more_body"))
        return message

    async def let_finish(self, declared: int) -> None:
        """Read past a file that is too large, within bounds: who is cut off while they send hears no reason."""
        if declared <= LET_FINISH * self.limit:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LET_FINISH_S):
                    while (await self._receive()).get("more_body"):
                        pass

    def _look_for_nul(self, chunk: bytes, *, last: bool) -> None:
        self._body.append(chunk)
        self._suspect = self._suspect or b"\\u0000" in self._tail + chunk
        self._tail = (self._tail + chunk)[-5:]
        if last:
            if self._suspect and _NUL_ESCAPE.search(b"".join(self._body)):
                raise _nul(_place_of_nul(b"".join(self._body)))
            self._body.clear()

    async def watched_receive(self) -> Message:
        """For an app whose client is watched: what `watch` has read, in its order."""
        message = await self._read.get()
        if isinstance(message, Problem):
            raise message
        if message["type"] == "http.disconnect":
            self._read.put_nowait(message)  # it stays true, however often it is asked
        return message

    async def watch(self) -> None:
        """Returns when the client has left."""
        while not self.gone.is_set():
            try:
                message = await self.receive()
            except Problem as problem:
                self._read.put_nowait(problem)
                continue
            self._read.put_nowait(message)
            if message["type"] == "http.disconnect":
                return

    async def send(self, message: Message) -> None:
        if message["type"] != "http.response.start":
            await self._send(message)
            return
        if self.on_stream is not None and not self.head_only and _is_stream(message):
            try:
                self.on_stream()
            except Problem as problem:
                raise _Instead(problem) from problem
        self.status = message["status"]
        await self._send(message)
        if self.head_only:
            await self._send({"type": "http.response.body"})
            raise _Enough


class _Enough(Exception):
    """All has been said that was asked for: ends the door's work, which may be a stream without end."""


class _Instead(Exception):
    """Ends a door's work before its answer begins, for another. No HTTPException: those are answered inside."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


def _is_stream(message: Message) -> bool:
    return any(
        name == b"content-type" and value.startswith(b"text/event-stream") for name, value in message["headers"]
    )
