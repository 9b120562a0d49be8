"""Every door of every service, found in their own OpenAPI documents, against input that nobody should send."""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from urllib.parse import quote
from uuid import uuid4

import pytest
import pytest_asyncio

from shared.clock import FixedClock
from shared.events.base import SERVICES
from tests.kit.attendance import wib
from tests.kit.doors import City, Door, Template, all_services

NOW = wib("2025-11-06T09:00")
CLOCK = FixedClock(NOW)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def city(
    postgres: str, migrated_template: Template, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[City]:
    async with all_services(postgres, migrated_template, tmp_path_factory.mktemp("doors"), CLOCK) as city:
        yield city


def reading(city: City) -> list[Door]:
    """The doors that answer and end: an event stream has no parameters and no end."""
    return [door for door in city.doors if door.method == "GET" and not door.path.endswith("/stream")]


def forged(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


CURSORS = [
    forged("[" * 20_000),
    forged(json.dumps([2**70])),
    forged(json.dumps(["\x00"])),
    forged(json.dumps([1, 2])),
    forged(json.dumps([1, 2, 3])),
    forged(json.dumps(["2025-W45-4", str(uuid4())])),
    forged(json.dumps([str(uuid4()), "2025-11-06", "2025-11-06T00:00:00"])),
    forged(json.dumps([True])),
    forged(json.dumps([{"a": 1}])),
    forged("[NaN]"),
    forged('["\\ud800"]'),
    forged('["' + "x" * 5000 + '"]'),
    quote("not a cursor / ü"),
    "*",
]
HOSTILE = [
    "",
    "%20",
    "%00",
    "a%00b",
    "%FF%FE",
    "%ED%A0%80",
    "%F0%9F%98%80",
    "%27%3B--",
    "x" * 5000,
    "-1",
    "9" * 40,
    "1e400",
    "NaN",
    "null",
    "0001-01-01",
    "9999-12-31",
    "infinity",
    "%5B%5D",
    "..%2F..",
]
INSTANTS = [
    "2025-11-06T08:00:00%2B07:90",
    "2025-11-06T08:00:00%2B24:00",
    "2025-W45-4T08:00:00Z",
    "20251106T080000Z",
    "2025-11-06T08:00:00",
    "2025-11-06 08:00:00Z",
    "2025-11-06",
    "1762389000",
    "1762389000.5",
    "2025-11-06T08:00:00%E2%88%9207:00",
    quote("２０２５-11-06T08:00:00Z"),
    quote("2025-11-06T08:00:0٠Z"),
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "1899-12-31T23:59:59Z",
    "3000-01-01T00:00:00Z",
    "2025-11-06T24:00:00Z",
    "2025-02-30T08:00:00Z",
    "now",
    "infinity",
]
DATES = [
    "20251106",
    "2025-W45-4",
    "2025-310",
    "1762389000",
    "2025-11-06T00:00:00Z",
    "2025-11-6",
    quote("２０２５-11-06"),
    quote("2025-11-0٦"),
    "1899-12-31",
    "3000-01-01",
    "9999-12-31",
    "0001-01-01",
    "2025-02-30",
    "infinity",
    "today",
]


async def test_the_documents_name_the_lists_that_page(city: City) -> None:
    lists = {door.name for door in city.doors if door.takes("cursor")}
    assert {
        "GET /attendance/v1/outages",
        "GET /attendance/v1/audit",
        "GET /reporting/v1/audit",
        "GET /reporting/v1/units",
        "GET /reporting/v1/opds/{opd_code}/people",
        "GET /reporting/v1/me/reports",
        "GET /reporting/v1/reports",
        "GET /notifications/v1/me/inbox",
        "GET /scheduling/v1/plans",
        "GET /scheduling/v1/units",
        "GET /scheduling/v1/employees",
        "GET /scheduling/v1/audit",
        "GET /scheduling/v1/proposals/{proposal_id}/person-days",
    } <= lists


async def test_a_forged_cursor_is_refused_by_every_list(city: City) -> None:
    wrong: list[str] = []
    for door in city.doors:
        if not door.takes("cursor") or door.path.endswith("/person-days"):
            continue
        for cursor in CURSORS:
            answer = await city.ask(door, door.address("cursor", cursor))
            if answer.status_code != 422 or answer.json()["errors"][0]["field"] != "cursor":
                wrong.append(f"{door.name} {cursor[:40]}: {answer.status_code} {answer.text[:120]}")
    assert wrong == []


async def test_no_door_breaks_at_a_hostile_parameter(city: City) -> None:
    """A status that its document names, below 500; and NUL, which no database text can hold, is named."""
    broken: list[str] = []
    for door in city.doors:
        if door.path.endswith("/stream"):
            continue
        for one in door.parameters:
            for value in HOSTILE:
                if one["in"] == "path" and value == "":
                    continue
                answer = await city.ask(door, door.address(one["name"], value))
                nul = "%00" in value
                status = answer.status_code
                other = {404, 405} if "%2F" in value else set[int]()  # of another address, or of none
                if status == 503 and "/v1/feed/" in door.path:
                    continue  # a good question about a topic: there is no Kafka here
                if status >= 500 or status not in door.answers | other or (nul and status != 422):
                    broken.append(f"{door.name} {one['name']}={value[:20]}: {status}")
    assert broken == []


async def test_no_door_breaks_at_a_hostile_body(city: City) -> None:
    """A status that its document names, below 500."""
    broken: list[str] = []
    bodies = [
        b"",
        b"[" * 20_000,
        b'{"a":' * 5000,
        b"\xff\xfe",
        b"nonsense",
        b"[1]",
        b"null",
        b'{"reason": "\\u0000", "name": "\\u0000"}',
        b'{"reason": "\\ud800abc", "name": "\\ud800"}',
        b'{"revision": 1e400}',
        b'{"revision": ' + b"9" * 5000 + b"}",
    ]
    for door in city.doors:
        if door.method == "GET" or not door.has_body:
            continue
        for body in bodies:
            answer = await city.client.request(
                door.method,
                door.address(),
                content=body,
                headers=city.headers() | {"content-type": "application/json"},
            )
            if answer.status_code >= 500 or answer.status_code not in door.answers:
                broken.append(f"{door.name} {body[:30]!r}: {answer.status_code}")
            elif door.has_body and b"u0000" in body and answer.status_code not in (403, 422):
                broken.append(f"{door.name} takes NUL: {answer.status_code}")
    assert broken == []


async def test_who_has_an_answer_already_is_answered_as_the_document_says(city: City) -> None:
    told = set[int]()
    for door in reading(city):
        answer = await city.ask(door, door.address(), headers={"if-none-match": "*"})
        assert answer.status_code in door.answers, door.name
        told.add(answer.status_code)
    topic = "/attendance/schemas/attendance.recorded.v1.json"
    again = await city.client.get(topic, headers={"if-none-match": "*"})
    assert 304 in told | {again.status_code}


async def test_a_time_is_read_as_the_contract_writes_it_at_every_door(city: City) -> None:
    wrong, seen = list[str](), set[str]()
    for door in city.doors:
        for one in door.parameters:
            kinds = [one["schema"], *one["schema"].get("anyOf", ())]
            formats = {kind.get("format") for kind in kinds} & {"date", "date-time"}
            for value in INSTANTS if "date-time" in formats else DATES if formats else ():
                seen.add(one["name"])
                answer = await city.ask(door, door.address(one["name"], value))
                if answer.status_code != 422:
                    wrong.append(f"{door.name} {one['name']}={value}: {answer.status_code}")
                elif not any(error["field"] == one["name"] for error in answer.json()["errors"]):
                    wrong.append(f"{door.name} {one['name']}={value}: {answer.text[:200]}")
    assert {"as_of", "date", "from", "to", "ends_from", "work_date"} <= seen
    assert wrong == []


async def test_a_parameter_that_nothing_reads_is_refused_and_those_that_exist_are_named(city: City) -> None:
    wrong: list[str] = []
    for door in city.doors:
        if door.path.endswith("/stream"):
            continue
        address = door.address()
        answer = await city.ask(door, address + ("&" if "?" in address else "?") + "as_off=x&From=2025-11-06")
        problems: list[dict[str, str]] = answer.json().get("errors", []) if answer.status_code == 422 else []
        known = [one["name"] for one in door.parameters if one["in"] == "query"]
        named = {one["field"]: one["message"] for one in problems}
        if not {"as_off", "From"} <= named.keys() or not all(name in named["as_off"] for name in known):
            wrong.append(f"{door.name}: {answer.status_code} {answer.text[:200]}")
    assert wrong == []
    for path in ("/reporting/?as_of=2025-11-06", "/reporting/v1/stream?date=2025-11-06"):
        assert (await city.client.get(path, headers=city.headers())).status_code == 422
    twice = await city.client.get("/reporting/v1/city?date=2025-11-06&date=2025-11-07", headers=city.headers())
    assert (twice.status_code, twice.json()["errors"][0]["field"]) == (422, "date")


async def test_no_view_is_given_of_what_has_not_happened(city: City) -> None:
    """Further ahead than two clocks differ is refused; within that it is now."""
    views = [door for door in reading(city) if door.takes("as_of")]
    assert len(views) >= 5
    for door in views:
        answer = await city.ask(door, door.address("as_of", "2025-11-06T09:05:00%2B07:00"))
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "as_of"), door.name
    near = await city.client.get("/reporting/v1/city?as_of=2025-11-06T09:00:30%2B07:00", headers=city.headers())
    assert near.json()["as_of"] == "2025-11-06T02:00:00Z"
    board = await city.client.get("/reporting/?at=2025-11-06T10:00", headers=city.headers())
    assert board.status_code in (200, 422)


async def test_head_works_wherever_get_does_and_says_the_same(city: City) -> None:
    """Pages, files, feeds and the machines' doors among them; an event stream answers and does not begin."""
    more = [
        "/reporting/",
        "/reporting/login",
        "/reporting/static/today/board/board.css",
        "/reporting/openapi.json",
    ]
    more += [f"/{service}/{door}" for service in SERVICES for door in ("livez", "readyz", "metrics")]
    wrong = list[str]()
    for address in [door.address() for door in reading(city)] + more:
        got, head = [await city.client.request(how, address, headers=city.headers()) for how in ("GET", "HEAD")]
        said = [(one.status_code, one.headers["content-type"]) for one in (got, head)]
        if said[0] != said[1] or head.content:
            wrong.append(f"{address}: {said}")
    assert wrong == []
    async with asyncio.timeout(10):
        stream = await city.client.head("/reporting/v1/stream", headers=city.headers())
    assert (stream.status_code, stream.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert (await city.client.head("/reporting/v1/stream")).status_code == 401


async def test_a_method_that_is_not_there_is_refused_with_those_that_are(city: City) -> None:
    wrong = list[str]()
    for address in {door.address().partition("?")[0] for door in city.doors}:
        # `rosters/what-if` is also a `rosters/{roster_id}`.
        meant = [door for door in city.doors if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", door.path), address)]
        methods = {door.method for door in meant}
        methods |= {"HEAD"} if "GET" in methods else set()
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - methods:
            answer = await city.client.request(method, address, headers=city.headers())
            allowed = set(answer.headers.get("allow", "").split(", "))
            if answer.status_code != 405 or allowed != methods:
                wrong.append(f"{method} {address}: {answer.status_code} {allowed}")
    assert wrong == []


async def test_the_doors_of_the_machines_take_any_question(city: City) -> None:
    for service in SERVICES:
        answer = await city.client.get(f"/{service}/metrics?name[]=x&t=1")
        assert answer.status_code == 200
