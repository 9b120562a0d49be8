"""uvicorn with bounds: what a peer may send before a request is whole, and how long a half one is waited for.

uvicorn itself bounds neither: its parser takes headers without end, and a connection that never finishes a request
is kept for ever. A proxy in front has bounds of its own; these hold without one.
"""

import asyncio
import socket
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD_BYTES = 64 * 1024
"""Request line and headers together. A token is below 1 KB."""

MOST_HEADERS = 200
HEAD_S = 15.0
"""Seconds from the first byte (or from connecting) to the end of the headers."""

BODY_S = 60.0
"""Seconds without any byte of a body after which it is not waited for any more."""

BODY_MOST_S = 600.0
"""Seconds in which a body must be whole: 32 MB on a slow line, and not a byte a minute for ever."""

MOST_CONNECTIONS = 8192
KEEP_ALIVE_S = 20
"""Longer than a proxy keeps its idle connections to us, so that it is never the one to be surprised."""

_TOO_LARGE_BODY = (
    b'{"type":"urn:hadir:problem:head_too_large","title":"Too many or too long headers. Send fewer.","status":431}'
)
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/problem+json\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%s" % (len(_TOO_LARGE_BODY), _TOO_LARGE_BODY)
)


class BoundedProtocol(HttpToolsProtocol):
    """One connection. Its bounds count from each request's first byte."""

    _deadline: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _field_bytes = 0
    _in_head = True
    _begins = False
    """A request has begun in the piece at hand. Most end in the same, and need no timer."""
    _body_until = 0.0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
            return
        self._wait(HEAD_S)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            # What follows the end of the head in the same piece is body, and no part of it.
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES and b"\r\n\r\n" not in data:
                self._refuse()
                return
        super().data_received(data)
        if self.transport.is_closing():
            self._rest()
        elif self._body_is_due():
            self._wait(min(BODY_S, self._body_until - self.loop.time()))
        elif self._begins:
            self._wait(HEAD_S)
        self._begins = False

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = self._begins = True
        self._field_bytes = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._field_bytes += len(url)
        if self._field_bytes > MOST_HEAD_BYTES:
            self._refuse()

    def on_body(self, body: bytes) -> None:
        if not self.transport.is_closing():
            super().on_body(body)

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._field_bytes += len(name) + len(value)
        if len(self.headers) > MOST_HEADERS or self._field_bytes > MOST_HEAD_BYTES:
            self._refuse()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_bytes = 0
        self._body_until = self.loop.time() + BODY_MOST_S
        if not self.transport.is_closing():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._rest()
        self._in_head = True
        self._begins = False
        self._head_bytes = 0
        if not self.transport.is_closing():
            super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._rest()
        super().connection_lost(exc)

    def _body_is_due(self) -> bool:
        return not self._in_head and self.cycle.more_body

    def _wait(self, seconds: float) -> None:
        self._rest()
        self._deadline = self.loop.call_later(seconds, self._too_late)

    def _rest(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        # A body that the app itself is slow to read is no fault of the client's.
        if self._body_is_due() and self.flow.read_paused:
            self._wait(BODY_S)
            return
        self.transport.abort()

    def _refuse(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()
        self._rest()


def listeners(host: str, port: int, shared_port: int) -> list[socket.socket]:
    """A port of this process alone, and one that it shares with others of the same account (SO_REUSEPORT)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    own, shared = socket.socket(family), socket.socket(family)
    for listener in (own, shared):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    own.bind((host, port))
    shared.bind((host, shared_port))
    return [own, shared]


def config(app: Any, *, protocol: type[BoundedProtocol] = BoundedProtocol, **how: Any) -> uvicorn.Config:
    """The settings that every server of ours has, and those of this one."""
    return uvicorn.Config(
        app,
        http=protocol,
        log_config=None,
        access_log=False,
        backlog=2048,
        timeout_keep_alive=KEEP_ALIVE_S,
        h11_max_incomplete_event_size=MOST_HEAD_BYTES,
        **how,
    )
