"""uvicorn as we run it, on raw sockets: who sends without end, or never ends, keeps nobody else waiting."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from shared import server

FIRST = b"POST / HTTP/1.1\r\nHost: x\r\n"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


@asynccontextmanager
async def running() -> AsyncGenerator[int]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    serving = uvicorn.Server(server.config(echo, lifespan="off", timeout_graceful_shutdown=1))
    task = asyncio.create_task(serving.serve(sockets=[listener]))
    while not serving.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield listener.getsockname()[1]
    finally:
        serving.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await task
        listener.close()


async def answer_to(port: int, *pieces: bytes, most: int = 1 << 30) -> tuple[bytes, int]:
    """(what came back until the connection was closed, bytes that could be sent)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sent = 0
    try:
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                sent += len(piece)
        with contextlib.suppress(ConnectionError):
            return await reader.read(4096), sent
        return b"", sent
    finally:
        writer.close()


async def test_headers_without_end_are_cut_off_early() -> None:
    async with running() as port:
        line = b"X-Filler: " + b"a" * 8000 + b"\r\n"
        for endless in (
            [FIRST, *[line] * 25_000],  # 200 MB in many headers
            [FIRST + b"X-Long: ", *[b"a" * 65_536] * 3000],  # in one
            [b"GET /" + b"a" * 100, *[b"a" * 65_536] * 3000],  # in the address
            [FIRST + b"".join(b"X-%d: 1\r\n" % n for n in range(400)) + b"\r\n"],  # many small ones
        ):
            answer, sent = await answer_to(port, *endless)
            # The connection may be cut before the answer is read: then nothing has come back.
            assert answer.startswith(b"HTTP/1.1 431") or answer == b""
            assert sent < 30_000_000
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            fine = await client.post("/", content=b"x" * 300_000, headers={"Authorization": "a" * 8000})
            assert (fine.status_code, fine.text) == (200, "300000")
            for _ in range(3):  # on the same connection each request has bounds of its own
                assert (await client.get("/", headers={"X": "a" * 40_000})).status_code == 200


async def test_half_requests_are_let_go_and_others_are_served_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_S", 2.0)
    monkeypatch.setattr(server, "BODY_S", 2.0)
    halves = (b"", b"GET / HT", FIRST, FIRST + b"Content-Length: 10\r\n\r\n12", b"GET / HTTP/1.1\r\n\r\nGET /")
    async with running() as port:
        held: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        for number in range(2000):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(halves[number % len(halves)])
            held.append((reader, writer))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            assert (await client.get("/")).status_code == 200
            async with asyncio.timeout(20):
                for reader, writer in held:
                    with contextlib.suppress(ConnectionError):
                        await reader.read()
                    writer.close()
            assert (await client.get("/")).status_code == 200


async def test_a_body_that_trickles_for_ever_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "BODY_MOST_S", 0.6)
    async with running() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(FIRST + b"Content-Length: 1000\r\n\r\n")
        ended = asyncio.create_task(reader.read())
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionError):
                while not ended.done():
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(0.05)
            with contextlib.suppress(ConnectionError):
                await ended
        writer.close()
