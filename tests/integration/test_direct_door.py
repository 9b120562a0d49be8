"""Checking in is one door with two ways to it: nobody can tell which way a request went, but by its speed."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI
from msgspec.structs import replace as replace_in
from prometheus_client import generate_latest
from starlette.datastructures import State

from deploy.local.front import Front
from services.attendance.app import create_app
from services.attendance.commands.punches import Intake, Recorded
from shared.auth import Role, sign
from shared.database import GroupCommit
from shared.direct import DirectProtocol, Short
from shared.receipts import verify
from shared.server import config
from tests.conftest import DatabaseFor
from tests.kit.attendance import AT_HOME, AT_OFFICE, Rig, attendance, employee, plan, unit
from tests.kit.services import in_process

ADDRESS = "/attendance/v1/punches"
Headers = dict[str, str]


@dataclass(frozen=True)
class Asked:
    """One request. A `cut` one ends in the middle of its body."""

    body: bytes
    headers: Headers
    method: str = "POST"
    path: str = ADDRESS
    query: str = ""
    cut: bool = False

    def pieces(self) -> list[bytes]:
        """The request as it is sent: its head, and its body in two halves."""
        target = self.path + ("?" + self.query if self.query else "")
        headers = {"host": "hadir", "content-length": str(len(self.body)), **self.headers}
        head = "".join(f"{name}: {text}\r\n" for name, text in headers.items())
        half = len(self.body) // 2
        pieces = [f"{self.method} {target} HTTP/1.1\r\n{head}\r\n".encode(), self.body[:half], self.body[half:]]
        return pieces[:-1] if self.cut else pieces


@dataclass
class Ways:
    """One service twice, on one database: as it is, and with no other way than the framework's."""

    rig: Rig
    apps: Mapping[str, FastAPI]
    ports: Mapping[str, int]
    short: list[Any]
    """What began on the short way."""
    people: dict[str, UUID] = field(default_factory=dict[str, UUID])
    ids: dict[str, UUID] = field(default_factory=dict[str, UUID])

    def headers(self, way: str) -> Headers:
        return {"content-type": "application/json", **self.rig.token("staff", self.people[way])}

    def body(self, way: str, **changes: Any) -> dict[str, Any]:
        return {"punch_id": str(self.ids[way]), "kind": "in", "device_at": None, "position": AT_OFFICE, **changes}

    def asked(self, way: str, **changes: Any) -> Asked:
        return Asked(json.dumps(self.body(way, **changes)).encode(), self.headers(way))

    async def answer(self, way: str, asked: Asked) -> str:
        """Everything that a client is told, with the names of this way's person and punch taken out, and the
        signature over them, which is proven first."""
        told = (await send(self.ports[way], asked)).decode()
        _, _, body = told.partition("\r\n\r\n")
        signed = re.search(r'"signature":{"kid":"[^"]+","value":"([^"]+)"}', body)
        if signed is not None:
            verify(body, json.dumps({"keys": self.apps[way].state.receipts.jwks()}))
            told = told.replace(signed[1], "signed")
        for name, known in (("person", self.people[way]), ("punch", self.ids[way])):
            told = told.replace(str(known), name)
        return told


async def send(port: int, asked: Asked) -> bytes:
    """The bare exchange: an HTTP client would hide how an answer comes. The time of day is taken out."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in asked.pieces():
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        return b"" if asked.cut else await answer(reader, bodiless=asked.method == "HEAD")
    finally:
        writer.close()
        await writer.wait_closed()


async def answer(reader: asyncio.StreamReader, *, bodiless: bool = False) -> bytes:
    """The next answer of a connection, but for its date."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: (\d+)\r\n", head)
    assert length is not None
    body = b"" if bodiless else await reader.readexactly(int(length[1]))
    return re.sub(rb"\r\ndate: [^\r]+", b"", head) + body


@asynccontextmanager
async def listening(app: FastAPI | Front) -> AsyncGenerator[int]:
    """The port at which an app that has started is served as in production."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(config(app, protocol=DirectProtocol, lifespan="off", timeout_graceful_shutdown=1))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            with suppress(asyncio.CancelledError):
                await serving


def watched(way: Short[Any], seen: list[Any]) -> Short[Any]:
    """The same way, which notes what began on it."""

    def begin(state: State, asked: Any) -> "asyncio.Future[Any] | None":
        future = way.begin(state, asked)
        if future is not None:
            seen.append(asked)
        return future

    return Short(begin, way.answer)


@pytest_asyncio.fixture
async def ways(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Ways]:
    db = await database_for("attendance")
    async with AsyncExitStack() as stack:
        rig = await stack.enter_async_context(attendance(db, tmp_path))
        framework = create_app(rig.service.settings, rig.clock)
        framework.state.direct = {}
        await stack.enter_async_context(in_process(framework))
        apps = {"direct": rig.app, "framework": framework}
        short: list[Any] = []
        rig.app.state.direct = {
            path: replace_in(way, short=watched(way.short, short)) for path, way in rig.app.state.direct.items()
        }
        ports = {way: await stack.enter_async_context(listening(app)) for way, app in apps.items()}
        made = Ways(rig, apps, ports, short)
        for way in made.apps:
            made.people[way] = await rig.staff()
            made.ids[way] = uuid4()
        yield made


Case = Callable[[Ways, str], Asked]


def _signed(
    role: Role = "staff", subject: Callable[[UUID], UUID | None] = lambda me: me, ttl_s: float = 60
) -> Case:
    def case(ways: Ways, way: str) -> Asked:
        token = sign(ways.rig.signer.key, role=role, subject=subject(ways.people[way]), ttl_s=ttl_s)
        asked = ways.asked(way)
        return replace(asked, headers={**asked.headers, "authorization": f"Bearer {token}"})

    return case


def _with_headers(**changes: str | None) -> Case:
    def case(ways: Ways, way: str) -> Asked:
        asked = ways.asked(way)
        given = {**asked.headers, **{name.replace("_", "-"): text for name, text in changes.items()}}
        return replace(asked, headers={name: text for name, text in given.items() if text is not None})

    return case


def _with_body(body: bytes) -> Case:
    return lambda ways, way: replace(ways.asked(way), body=body)


def _with(**changes: Any) -> Case:
    return lambda ways, way: ways.asked(way, **changes)


CASES: dict[str, Case] = {
    "a check-in": _with(),
    "a check-out from home": _with(kind="out", position=AT_HOME),
    "no position": _with(position=None),
    "a position that is none": _with(position={"lat": 0, "lon": 0, "accuracy_m": -1}),
    "a device's time": _with(device_at="2025-11-06T07:24:58+07:00"),
    "a device's time that is none": _with(device_at="yesterday"),
    "signals": _with(signals={"mock": True}),
    "signals that are none": _with(signals=[1]),
    "a kind that there is not": _with(kind="lunch"),
    "an id that is none": _with(punch_id="42"),
    "a field too many": _with(colour="red"),
    "a NUL": _with(kind="in\u0000"),
    "no JSON": _with_body(b"{"),
    "nothing": _with_body(b""),
    "a list": _with_body(b"[]"),
    "a body too large": _with_body(b'"' + b"x" * 300_000 + b'"'),
    "a body said to be too large": _with_headers(content_length="300000"),
    "no content type": _with_headers(content_type=None),
    "a trace": _with_headers(traceparent=f"00-{'1' * 32}-{'2' * 16}-01"),
    "English": lambda ways, way: replace(
        ways.asked(way, kind="lunch"), headers={**ways.headers(way), "accept-language": "en"}
    ),
    "no token": _with_headers(authorization=None),
    "a token that is none": _with_headers(authorization="Bearer abc"),
    "a token of nobody": _signed("bkpsdm", lambda _: None),
    "an expired token": _signed(ttl_s=-3600),
    "a supervisor's token": _signed("supervisor"),
    "a council's token": _signed("council"),
    "a session": _with_headers(authorization=None, cookie="hadir_session=abc"),
    "a stranger": _signed(subject=lambda _: UUID(int=7)),
    "a query": lambda ways, way: replace(ways.asked(way), query="dry_run=1"),
    "an empty query": lambda ways, way: replace(ways.asked(way), query="dry_run"),
    "a slash too many": lambda ways, way: replace(ways.asked(way), path=ADDRESS + "/"),
    "another method": lambda ways, way: replace(ways.asked(way), method="PUT"),
    "GET": lambda ways, way: replace(ways.asked(way), method="GET"),
    "HEAD": lambda ways, way: replace(ways.asked(way), method="HEAD"),
    "OPTIONS": lambda ways, way: replace(ways.asked(way), method="OPTIONS"),
    "a client that leaves": lambda ways, way: replace(ways.asked(way), cut=True),
}


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        (None, "127.0.0.1"),
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9", "203.0.113.9"),  # what the client itself says is not the proxy's word
        ("203.0.113.9, 127.0.0.1", "203.0.113.9"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("nobody", None),
        ("", "127.0.0.1"),
    ],
)
async def test_both_ways_believe_the_proxy_alone_about_the_address(
    ways: Ways, forwarded: str | None, address: str | None
) -> None:
    for way in ways.apps:
        assert b" 201 " in await send(ways.ports[way], _with_headers(x_forwarded_for=forwarded)(ways, way))
        async with ways.rig.db.read() as tx:
            query = "select host(address) from punch where punch_id = $1"
            assert await tx.connection.fetchval(query, ways.ids[way]) == address, way
    assert len(ways.short) == 1


def _requests(app: FastAPI) -> list[str]:
    """What the metrics tell of requests: how many by method, route and status."""
    told = generate_latest(app.state.service.metrics.registry).decode()
    return [line for line in told.splitlines() if line.startswith("hadir_http_requests_total{")]


@pytest.mark.parametrize("name", CASES)
async def test_both_ways_give_the_same_answer_and_the_same_count(ways: Ways, name: str) -> None:
    direct, framework = [await ways.answer(way, CASES[name](ways, way)) for way in ways.apps]
    assert direct == framework
    async with asyncio.timeout(10):  # who has left is counted once the server has noticed
        while not all(counted := [_requests(app) for app in ways.apps.values()]):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert counted[0] == counted[1]


SHORT = (
    "a check-in",
    "a check-out from home",
    "no position",
    "a position that is none",
    "a device's time",
    "a device's time that is none",
    "signals",
    "signals that are none",
    "no content type",
    "a trace",
    "a supervisor's token",
    "a council's token",
    "a stranger",
)


@pytest.mark.parametrize("name", CASES)
async def test_the_plain_case_and_no_other_goes_the_short_way(ways: Ways, name: str) -> None:
    await ways.answer("direct", CASES[name](ways, "direct"))
    assert bool(ways.short) == (name in SHORT)


async def test_requests_sent_without_waiting_are_answered_in_their_order(ways: Ways) -> None:
    plain = ways.asked("direct")
    bad = ways.asked("direct", kind="lunch")
    reader, writer = await asyncio.open_connection("127.0.0.1", ways.ports["direct"])
    writer.write(b"".join(b"".join(one.pieces()) for one in (plain, bad, plain, plain)))
    statuses = [(await answer(reader)).split()[1] for _ in range(4)]
    writer.close()
    assert statuses == [b"201", b"422", b"200", b"200"]
    assert len(ways.short) == 3


async def test_a_connection_that_asks_for_its_end_is_closed_after_the_answer(ways: Ways) -> None:
    asked = ways.asked("direct")
    reader, writer = await asyncio.open_connection("127.0.0.1", ways.ports["direct"])
    closing = replace(asked, headers={**asked.headers, "connection": "close"})
    writer.write(b"".join(closing.pieces()))
    told = await reader.read()  # to its end
    writer.close()
    assert told.startswith(b"HTTP/1.1 201")
    assert b"connection: close" in told


async def test_a_check_in_under_way_is_answered_when_the_service_stops(ways: Ways) -> None:
    group: GroupCommit[Intake, Recorded] = ways.rig.app.state.intakes
    may_go = asyncio.Event()

    class Slow:
        def put(self, item: Intake) -> "asyncio.Future[Recorded]":
            async def later() -> Recorded:
                await may_go.wait()
                return await group.submit(item)

            return asyncio.ensure_future(later())

    ways.rig.app.state.intakes = Slow()
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(listening(ways.rig.app))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"".join(ways.asked("direct").pieces()))
        while not ways.short:  # noqa: ASYNC110 - what is waited for is a list
            await asyncio.sleep(0.01)
        stopping = asyncio.create_task(stack.aclose())
        await asyncio.sleep(0.3)
        may_go.set()
        told = await reader.read()
        await stopping
        writer.close()
    assert told.startswith(b"HTTP/1.1 201")
    assert b"connection: close" in told


async def test_a_retry_and_a_conflict_are_the_same_by_either_way(ways: Ways) -> None:
    for changes in ({}, {}, {"kind": "out"}, {"position": None}):
        direct, framework = [await ways.answer(way, ways.asked(way, **changes)) for way in ways.apps]
        assert direct == framework
    for way, other in (("direct", "framework"), ("framework", "direct")):
        # What one way has recorded the other knows.
        told = await send(ways.ports[other], ways.asked(way))
        assert told.startswith(b"HTTP/1.1 200")
    assert len(await ways.rig.outbox()) == 2


async def test_who_has_left_is_told_the_same(ways: Ways) -> None:
    for person in ways.people.values():
        await ways.rig.know(employee(person, revision=2, active=False), unit(), plan(person))
    direct, framework = [await ways.answer(way, ways.asked(way)) for way in ways.apps]
    assert direct == framework
    assert "403" in direct


@pytest.mark.parametrize("failure", [ConnectionRefusedError("away"), RuntimeError("a bug")], ids=["world", "bug"])
async def test_a_failure_is_told_the_same(ways: Ways, failure: Exception) -> None:
    class Failing:
        def put(self, _: Intake) -> "asyncio.Future[Recorded]":
            future = asyncio.get_running_loop().create_future()
            future.set_exception(failure)
            return future

    for app in ways.apps.values():
        app.state.intakes = Failing()
    trace = f"00-{'1' * 32}-{'2' * 16}-01"
    asked = {
        way: replace(ways.asked(way), headers={**ways.headers(way), "traceparent": trace}) for way in ways.apps
    }
    direct, framework = [await ways.answer(way, asked[way]) for way in ways.apps]
    assert direct == framework
    assert ("503" if isinstance(failure, OSError) else "500") in direct


async def test_who_hosts_the_service_in_one_process_has_its_short_way(ways: Ways) -> None:
    async with listening(Front({"attendance": ways.rig.app})) as port:
        ports = {**ways.ports, "direct": port}
        hosted = replace(ways, ports=ports)
        direct, framework = [await hosted.answer(way, hosted.asked(way)) for way in ways.apps]
        assert (direct, len(ways.short)) == (framework, 1)
    assert _requests(ways.rig.app) == _requests(ways.apps["framework"])
