"""The one port of a local system: ASGI that hands each request to the service its first path segment names."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import httpx
from fastapi import FastAPI
from starlette.datastructures import State
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http import Problem, problem_response

BOARD = "/reporting/"
OTHERS = {"iclock": "attendance", "events": "reporting"}
"""First path segments that name no service: the one that terminals have built in (docs/terminals.md), and the
catalogue of events."""
# RFC 9110 section 7.6.1: what belongs to one connection and is not passed on.
HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer"
    b" transfer-encoding upgrade".split()
)
OWN = frozenset((b"date", b"server"))
"""What the server in front says by itself: said twice, nobody knows which of the two a reader takes."""
FORWARDED = frozenset((b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"))


class Front:
    """Dispatches on the first path segment and rewrites nothing; `/` leads to the board.

    The short ways of the services that it hosts in this process are its own (shared/direct.py).
    """

    def __init__(self, apps: Mapping[str, ASGIApp]) -> None:
        hosted = [app for app in apps.values() if isinstance(app, FastAPI)]
        self.state = State({"direct": {path: way for app in hosted for path, way in app.state.direct.items()}})
        self._apps = dict(apps)
        self._apps |= {segment: apps[service] for segment, service in OTHERS.items() if service in apps}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope.get("path", "")
        app = self._apps.get(path.split("/", 2)[1] if path.startswith("/") else "")
        if app is not None:
            await app(scope, receive, send)
        elif scope["type"] == "http":
            answer = RedirectResponse(BOARD) if path == "/" else _problem(scope, Problem(404, "not_found"))
            await answer(scope, receive, send)
        else:  # a websocket to nowhere: refused before it opens
            await send({"type": "websocket.close", "code": 1000})


def _problem(scope: Scope, problem: Problem) -> ASGIApp:
    return problem_response(Request(scope), problem)


@asynccontextmanager
async def running(apps: Mapping[str, FastAPI]) -> AsyncGenerator[None]:
    """Keep the services alive in this process: their lifespans are entered in order and left in reverse."""
    async with AsyncExitStack() as stack:
        for app in apps.values():
            await stack.enter_async_context(app.router.lifespan_context(app))
        yield


class Proxy:
    """Passes requests on to one service in a process of its own, and streams what comes back.

    `address` is asked for each request: a service that was started again may have another port.
    """

    def __init__(self, client: httpx.AsyncClient, address: Callable[[], tuple[str, int]]) -> None:
        self._client = client
        self._address = address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        exchange = _Exchange(receive, send)
        passing = asyncio.ensure_future(self._pass(scope, exchange))
        leaving = asyncio.ensure_future(exchange.client_left.wait())
        try:
            # A browser that closes an event stream must end the service's side of it too.
            await asyncio.wait((passing, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            if not passing.done():
                passing.cancel()
            with suppress(asyncio.CancelledError):
                await passing

    async def _pass(self, scope: Scope, exchange: "_Exchange") -> None:
        host, port = self._address()
        query: bytes = scope["query_string"]
        target = scope["raw_path"] + (b"?" + query if query else b"")
        client_host = scope["client"][0] if scope.get("client") else "127.0.0.1"
        headers = [(k, v) for k, v in scope["headers"] if k not in HOP_BY_HOP and k not in FORWARDED]
        headers += [(b"x-forwarded-for", client_host.encode()), (b"x-forwarded-proto", scope["scheme"].encode())]
        has_body = any(k in (b"content-length", b"transfer-encoding") for k, _ in scope["headers"])
        request = self._client.build_request(
            scope["method"],
            httpx.URL(scheme="http", host=host, port=port, raw_path=target),
            headers=headers,
            content=exchange.body() if has_body else None,
        )
        try:
            answer = await self._client.send(request, stream=True)
        except httpx.ConnectError:  # it is being started again: nothing reached it
            problem = Problem(503, "unavailable", headers={"Retry-After": "1"})
            await _problem(scope, problem)(scope, exchange.receive, exchange.send)
            return
        except httpx.TransportError:  # it went away with the request: what it did is not known
            problem = Problem(502, "internal", params={"trace": headers_value(headers, b"traceparent")})
            await _problem(scope, problem)(scope, exchange.receive, exchange.send)
            return
        watching = asyncio.ensure_future(exchange.watch())
        try:
            kept = [(k.lower(), v) for k, v in answer.headers.raw if k.lower() not in HOP_BY_HOP | OWN]
            await exchange.send({"type": "http.response.start", "status": answer.status_code, "headers": kept})
            async for chunk in answer.aiter_raw():
                await exchange.send({"type": "http.response.body", "body": chunk, "more_body": True})
            await exchange.send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            watching.cancel()
            await answer.aclose()


class _Exchange:
    """One request's two directions; knows when its body has been read and when the client has left."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self.receive = receive
        self.send = send
        self.client_left = asyncio.Event()

    async def body(self) -> AsyncIterator[bytes]:
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                self.client_left.set()
                return
            yield message.get("body", b"")
            if not message.get("more_body"):
                return

    async def watch(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass
        self.client_left.set()


def headers_value(headers: list[tuple[bytes, bytes]], name: bytes) -> str:
    """The first value of a header, or a dash."""
    return next((v.decode("latin-1") for k, v in headers if k == name), "-")


def proxy_client() -> httpx.AsyncClient:
    """A client that waits as long as an event stream lasts, and drops idle connections before uvicorn does."""
    return httpx.AsyncClient(
        timeout=httpx.Timeout(None, connect=5.0),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=200, keepalive_expiry=3.0),
        follow_redirects=False,
        trust_env=False,
    )
