"""Checking in is one door with two ways to it: nobody can tell which way a request went, but by its speed."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from fastapi import FastAPI
from prometheus_client import generate_latest
from starlette.types import Message, Scope

from services.attendance.app import create_app
from services.attendance.commands.punches import Intake
from shared.auth import Role, sign
from shared.direct import Direct
from tests.conftest import DatabaseFor
from tests.kit.attendance import AT_HOME, AT_OFFICE, Rig, attendance, employee, plan, unit
from tests.kit.services import Signer, in_process, settings_for

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


@dataclass
class Ways:
    """One service twice, on one database: as it is, and with no other way than the framework's."""

    rig: Rig
    apps: Mapping[str, FastAPI]
    people: dict[str, UUID] = field(default_factory=dict[str, UUID])
    ids: dict[str, UUID] = field(default_factory=dict[str, UUID])

    def headers(self, way: str) -> Headers:
        return {"content-type": "application/json", **self.rig.token("staff", self.people[way])}

    def body(self, way: str, **changes: Any) -> dict[str, Any]:
        return {"punch_id": str(self.ids[way]), "kind": "in", "device_at": None, "position": AT_OFFICE, **changes}

    def asked(self, way: str, **changes: Any) -> Asked:
        return Asked(json.dumps(self.body(way, **changes)).encode(), self.headers(way))

    async def answer(self, way: str, asked: Asked) -> str:
        """Everything that a client is told, with the names of this way's person and punch taken out."""
        sent = await send(self.apps[way], asked)
        told = repr([(m["type"], m.get("status"), sorted(m.get("headers", ())), m.get("body")) for m in sent])
        for name, known in (("person", self.people[way]), ("punch", self.ids[way])):
            told = told.replace(str(known), name)
        return told


async def send(app: FastAPI, asked: Asked) -> list[Message]:
    """The bare exchange: an HTTP client would hide how an answer comes."""
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": asked.method,
        "scheme": "http",
        "path": asked.path,
        "raw_path": asked.path.encode(),
        "root_path": "",
        "query_string": asked.query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in asked.headers.items()],
        "client": ("10.0.0.7", 5),
        "server": ("hadir", 80),
    }
    half = len(asked.body) // 2
    pieces: list[Message] = [{"type": "http.request", "body": asked.body[:half], "more_body": True}]
    pieces += [] if asked.cut else [{"type": "http.request", "body": asked.body[half:]}]
    sent: list[Message] = []

    async def receive() -> Message:
        return pieces.pop(0) if pieces else {"type": "http.disconnect"}

    async def told(message: Message) -> None:
        sent.append(message)

    try:
        await app(scope, receive, told)
    except Exception as error:
        sent.append({"type": f"raised {type(error).__name__}"})  # the server writes it into its log
    return sent


@pytest_asyncio.fixture
async def ways(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Ways]:
    db = await database_for("attendance")
    async with AsyncExitStack() as stack:
        rig = await stack.enter_async_context(attendance(db, tmp_path))
        framework = create_app(settings_for("attendance", rig.signer, tmp_path, database_url=db.url), rig.clock)
        framework.router.routes[:] = [r for r in framework.router.routes if not isinstance(r, Direct)]
        await stack.enter_async_context(in_process(framework))
        made = Ways(rig, {"direct": rig.app, "framework": framework})
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


def _requests(app: FastAPI) -> list[str]:
    """What the metrics tell of requests: how many by method, route and status."""
    told = generate_latest(app.state.service.metrics.registry).decode()
    return [line for line in told.splitlines() if line.startswith("hadir_http_requests_total{")]


@pytest.mark.parametrize("name", CASES)
async def test_both_ways_give_the_same_answer_and_the_same_count(ways: Ways, name: str) -> None:
    direct, framework = [await ways.answer(way, CASES[name](ways, way)) for way in ways.apps]
    assert direct == framework
    counted = [_requests(app) for app in ways.apps.values()]
    assert counted[0] == counted[1]
    assert counted[0]


async def test_a_retry_and_a_conflict_are_the_same_by_either_way(ways: Ways) -> None:
    for changes in ({}, {}, {"kind": "out"}, {"position": None}):
        direct, framework = [await ways.answer(way, ways.asked(way, **changes)) for way in ways.apps]
        assert direct == framework
    for way, other in (("direct", "framework"), ("framework", "direct")):
        # What one way has recorded the other knows.
        told = await send(ways.apps[other], ways.asked(way))
        assert told[0]["status"] == 200
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
        async def submit(self, _: Intake) -> None:
            await asyncio.sleep(0)
            raise failure

    for app in ways.apps.values():
        app.state.intakes = Failing()
    trace = f"00-{'1' * 32}-{'2' * 16}-01"
    asked = {
        way: replace(ways.asked(way), headers={**ways.headers(way), "traceparent": trace}) for way in ways.apps
    }
    direct, framework = [await ways.answer(way, asked[way]) for way in ways.apps]
    assert direct == framework
    assert ("503" if isinstance(failure, OSError) else "500") in direct


def test_the_document_describes_the_door_once(tmp_path: Path) -> None:
    app = create_app(settings_for("attendance", Signer(), tmp_path, database_url="postgresql://nobody/nothing"))
    bare = create_app(settings_for("attendance", Signer(), tmp_path, database_url="postgresql://nobody/nothing"))
    assert [route.path for route in app.router.routes if isinstance(route, Direct)] == [ADDRESS]
    bare.router.routes[:] = [route for route in bare.router.routes if not isinstance(route, Direct)]
    assert app.openapi() == bare.openapi()
