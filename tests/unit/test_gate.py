"""What every request meets before anything parses it: the Gate, seen as an ASGI layer."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from prometheus_client import generate_latest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from shared.auth import RECOGNISED
from shared.callers import AT_ONCE, BURST, IN_LINE, PER_SECOND, STREAMS, Callers
from shared.gate import Gate
from shared.http import Problem
from shared.telemetry import Metrics

Door = Callable[[Request], Awaitable[PlainTextResponse | StreamingResponse]]


def scope(method: str = "GET", path: str = "/x/v1/a", query: bytes = b"", **headers: str) -> Scope:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query,
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        "client": ("10.0.0.1", 5),
    }


class Wire:
    """A client: it sends its body in the pieces given, then waits, and leaves when told."""

    def __init__(self, *pieces: bytes, leaves_after_body: bool = False) -> None:
        self.leave = asyncio.Event()
        self.begun = asyncio.Event()
        self._pieces = list(pieces) or [b""]
        self._cut = leaves_after_body
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        if self._pieces:
            piece = self._pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(self._pieces) or self._cut}
        if not self._cut:
            await self.leave.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)
        self.begun.set()

    @property
    def status(self) -> int:
        return self.sent[0]["status"]

    @property
    def unread(self) -> int:
        """How many pieces of the body nobody has asked for."""
        return len(self._pieces)


def gate(door: Door, **how: Any) -> tuple[Gate, Metrics]:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await door(Request(scope, receive))
        except Problem as problem:
            answer = PlainTextResponse(problem.code, problem.status_code)
        await answer(scope, receive, send)

    metrics = Metrics("test")
    return Gate(
        app, metrics=metrics, body_limits={"/x/v1/large": 1_000_000, "/x/v1/*/file": 400_000}, **how
    ), metrics


async def echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(await request.body())


@pytest.mark.parametrize(
    "asked",
    [
        scope(path="/x/v1/opds/a\x00b"),
        scope(query=b"opd_code=a%00"),
        scope(query=b"%00=1"),
        scope("POST", query=b"a=%00"),
    ],
)
async def test_nul_in_an_address_is_refused_before_anything_reads_it(asked: Scope) -> None:
    seen, wire = list[str](), Wire()

    async def door(request: Request) -> PlainTextResponse:
        seen.append(request.url.path)
        return PlainTextResponse("")

    await gate(door)[0](asked, wire.receive, wire.send)
    assert (wire.status, seen) == (422, [])
    assert b"NUL" in wire.sent[1]["body"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (rb'{"a": "\u0000"}', 422),
        (rb'{"a": "\\\u0000"}', 422),
        (rb'{"\u0000": 1}', 422),
        (rb'{"a": "\\u0000"}', 200),
        (rb'{"a": "\\\\u0000"}', 200),
        (rb'{"a": "u0000"}', 200),
        (rb'{"a": "\u0001"}', 200),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 7, 1000])
async def test_nul_in_json_is_refused_however_it_is_cut(body: bytes, status: int, size: int) -> None:
    wire = Wire(*(body[at : at + size] for at in range(0, len(body), size)))
    await gate(echo)[0](scope("POST", content_type="application/json"), wire.receive, wire.send)
    assert wire.status == status


async def test_a_body_above_the_limit_is_refused_declared_or_not() -> None:
    declared = Wire(b"")
    await gate(echo)[0](scope("POST", content_length="300000"), declared.receive, declared.send)
    silent = Wire(*[b"x" * 50_000] * 6)
    await gate(echo)[0](scope("POST"), silent.receive, silent.send)
    large = Wire(*[b"x" * 50_000] * 6)
    await gate(echo)[0](scope("POST", "/x/v1/large"), large.receive, large.send)
    assert (declared.status, silent.status, large.status) == (413, 413, 200)


@pytest.mark.parametrize(("path", "status"), [("/x/v1/a/file", 200), ("/x/v1/a", 413), ("/x/v2/a/file", 413)])
async def test_a_limit_may_stand_for_paths_with_anything_in_the_middle(path: str, status: int) -> None:
    wire = Wire(*[b"x" * 50_000] * 6)
    await gate(echo)[0](scope("POST", path), wire.receive, wire.send)
    assert wire.status == status


@pytest.mark.parametrize(("declared", "unread"), [("1500000", 0), ("4000001", 3)])
async def test_who_sends_a_file_that_is_too_large_is_heard_out_within_bounds(declared: str, unread: int) -> None:
    """Cut off while they send, they would see a broken connection and no reason."""
    wire = Wire(*[b"x" * 500_000] * 3)
    await gate(echo)[0](scope("POST", "/x/v1/large", content_length=declared), wire.receive, wire.send)
    assert (wire.status, wire.unread) == (413, unread)


async def test_a_client_gone_in_mid_body_is_counted_as_gone_and_not_as_our_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    wire = Wire(b"half", leaves_after_body=True)
    layer, metrics = gate(echo)
    await layer(scope("POST"), wire.receive, wire.send)
    assert wire.sent == []
    assert b'status="499"' in generate_latest(metrics.registry)
    assert [(record.levelno, record.exc_info) for record in caplog.records if "left" in record.message] == [
        (logging.DEBUG, None)
    ]


async def test_a_read_ends_with_its_client_and_a_write_does_not() -> None:
    outcomes: dict[str, str] = {}

    async def door(request: Request) -> PlainTextResponse:
        try:
            await asyncio.sleep(0.2)
        except asyncio.CancelledError:
            outcomes[request.method] = "ended"
            raise
        outcomes[request.method] = "done"
        return PlainTextResponse("")

    layer, metrics = gate(door)
    for method in ("GET", "POST"):
        wire = Wire()
        asyncio.get_running_loop().call_later(0.02, wire.leave.set)
        await layer(scope(method), wire.receive, wire.send)
    assert outcomes == {"GET": "ended", "POST": "done"}
    assert b'method="GET",route="none",status="499"' in generate_latest(metrics.registry)


async def test_a_stream_that_has_begun_ends_by_itself_and_keeps_its_status() -> None:
    async def door(request: Request) -> StreamingResponse:
        async def lines() -> AsyncIterator[bytes]:
            yield b"data: 1\n\n"
            await asyncio.Event().wait()

        return StreamingResponse(lines(), media_type="text/event-stream")

    layer, metrics = gate(door)
    wire = Wire()
    asyncio.get_running_loop().call_later(0.05, wire.leave.set)
    async with asyncio.timeout(5):
        await layer({**scope(), "asgi": {"spec_version": "2.3"}}, wire.receive, wire.send)
    assert wire.status == 200
    assert b'status="200"' in generate_latest(metrics.registry)


class App:
    """What the Gate's callers look up; nobody here has a token."""

    class state:
        authenticator = None


async def test_one_caller_waits_in_their_own_line_and_is_told_when_it_is_full() -> None:
    working, most, release = 0, 0, asyncio.Event()

    async def door(request: Request) -> PlainTextResponse:
        nonlocal working, most
        working += 1
        most = max(most, working)
        if request.url.path != "/x/v1/punches":
            await release.wait()
        working -= 1
        return PlainTextResponse("")

    layer, _ = gate(door, callers=Callers(["/x/v1/punches"]))

    async def ask(client: str, path: str = "/x/v1/opds") -> Wire:
        wire = Wire()
        await layer({**scope(path=path), "client": (client, 1), "app": App}, wire.receive, wire.send)
        return wire

    crowd = [asyncio.create_task(ask("10.0.0.1")) for _ in range(300)]
    await asyncio.sleep(0.05)
    assert most == AT_ONCE
    other = asyncio.create_task(ask("10.0.0.2"))
    await asyncio.sleep(0.05)
    assert most == AT_ONCE + 1  # the other is served at once
    assert (await ask("10.0.0.1", "/x/v1/punches")).status == 200  # what must never be refused is not
    release.set()
    answers = [wire.status for wire in await asyncio.gather(*crowd)]
    assert (await other).status == 200
    assert (answers.count(200), answers.count(429)) == (AT_ONCE + IN_LINE, 300 - AT_ONCE - IN_LINE)
    refused = await ask("10.0.0.1")
    assert refused.status == 200  # the line is free again


async def test_head_is_answered_as_get_without_its_body_and_a_stream_does_not_begin() -> None:
    worked = list[str]()

    async def door(request: Request) -> PlainTextResponse | StreamingResponse:
        if request.url.path == "/x/v1/missing":
            raise Problem(404, "not_found")
        if request.url.path != "/x/v1/stream":
            return PlainTextResponse(f"{request.method} of a text")

        async def lines() -> AsyncIterator[bytes]:
            worked.append("begun")
            while True:
                yield b"data: 1\n\n"

        return StreamingResponse(lines(), media_type="text/event-stream")

    layer, metrics = gate(door, callers=Callers([]))
    heads = list[tuple[int, str | None]]()
    for path in ("/x/v1/a", "/x/v1/missing", "/x/v1/stream"):
        for version in ("2.3", "2.4"):
            wire, asked = Wire(), {**scope("HEAD", path), "app": App, "asgi": {"spec_version": version}}
            async with asyncio.timeout(5):
                await layer(asked, wire.receive, wire.send)
            assert asked["method"] == "HEAD"  # the server asks it whether a body may follow
            assert [message.get("body", b"") for message in wire.sent] == [b"", b""]
            assert not wire.sent[-1].get("more_body")
            length = dict(wire.sent[0]["headers"]).get(b"content-length")
            heads.append((wire.status, length and length.decode()))
    assert heads[::2] == heads[1::2] == [(200, str(len("GET of a text"))), (404, "9"), (200, None)]
    assert worked == []
    assert b'method="HEAD",route="none",status="404"' in generate_latest(metrics.registry)


async def test_a_caller_follows_a_few_streams_and_not_one_more_whatever_their_sessions() -> None:
    async def door(request: Request) -> StreamingResponse | PlainTextResponse:
        if request.url.path != "/x/v1/stream":
            return PlainTextResponse("")
        request.scope["state"][RECOGNISED] = request.headers["who"]

        async def lines() -> AsyncIterator[bytes]:
            yield b"data: 1\n\n"
            await asyncio.Event().wait()

        return StreamingResponse(lines(), media_type="text/event-stream")

    layer, _ = gate(door, callers=Callers([]))
    wires, following = list[Wire](), list[asyncio.Task[None]]()

    async def follow(who: str, session: int) -> Wire:
        wire = Wire()
        asked = scope(path="/x/v1/stream", who=who, cookie=f"hadir_session={session}")
        task = asyncio.create_task(
            layer({**asked, "app": App, "asgi": {"spec_version": "2.3"}}, wire.receive, wire.send)
        )
        await asyncio.wait_for(wire.begun.wait(), 5)
        wires.append(wire)
        following.append(task)
        return wire

    assert [(await follow("person 1", n)).status for n in range(STREAMS)] == [200] * STREAMS
    refused = await follow("person 1", STREAMS)
    assert (refused.status, dict(refused.sent[0]["headers"])[b"retry-after"]) == (429, b"15")
    assert (await follow("person 2", 0)).status == 200  # nobody else is kept out
    wires[0].leave.set()
    await following[0]
    assert (await follow("person 1", 0)).status == 200  # who closes one may open another
    for wire in wires:
        wire.leave.set()
    await asyncio.gather(*following)


async def test_a_caller_may_make_a_burst_and_then_so_many_a_second() -> None:
    now = 0.0

    async def door(_: Request) -> PlainTextResponse:
        return PlainTextResponse("")

    layer, _ = gate(door, callers=Callers(["/x/v1/punches"], lambda: now))

    async def ask(client: str = "10.0.0.1", path: str = "/x/v1/opds") -> Wire:
        wire = Wire()
        await layer({**scope(path=path), "client": (client, 1), "app": App}, wire.receive, wire.send)
        return wire

    async def allowed() -> int:
        """How many are answered until one is refused."""
        count = 0
        while (await ask()).status == 200:
            count += 1
        return count

    assert await allowed() == BURST
    refused = await ask()
    assert (refused.status, dict(refused.sent[0]["headers"])[b"retry-after"]) == (429, b"1")
    assert (await ask("10.0.0.2")).status == 200
    assert (await ask(path="/x/v1/punches")).status == 200
    now = 0.5
    assert await allowed() == PER_SECOND / 2
    now = 1000.0
    assert await allowed() == BURST  # a quiet while is not saved up for ever
