"""Who may do what: every door of the four services, by every role, about their own people and about others.

The doors come of the services' own OpenAPI documents. One without a row in ROWS fails, and so does a row without a
door. A row says what each role is answered with, where the person, unit, OPD, report, roster or whatever else the
address, the query and the body name is

- theirs: the supervisor's own subordinate, who is the member of staff's colleague and in the OPD admin's OPD;
- beside: of the same OPD, but of another unit with another head;
- foreign: of another OPD.

Besides, no answer to whoever does not see the whole city names anybody of another OPD, and none to those who see
no people names anybody.
"""

import datetime as dt
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from shared.access import ROLES
from shared.clock import FixedClock
from shared.dates import WIB
from shared.events import (
    AttendanceRecorded,
    EmployeeChanged,
    Event,
    Requirement,
    RulesChanged,
    ScheduleChanged,
    UnitChanged,
)
from tests.kit.asking import ASKED, ASKING, waited
from tests.kit.calling import CALLING
from tests.kit.doors import Door, Template, all_services
from tests.kit.feeding import FEEDING
from tests.kit.flagging import FLAGGED, FLAGGING
from tests.kit.packing import PACKED, PACKING
from tests.kit.paying import PAYING
from tests.kit.piloting import PILOTED, PILOTING
from tests.kit.pushing import PUSHED, PUSHING
from tests.kit.ruling import RULED, RULING
from tests.kit.scheduling import HOLIDAYS, OPDS, REQUIREMENTS, STAGE_1, UNITS, employee_id, employees, nip
from tests.kit.subscribing import SUBSCRIBED, SUBSCRIBING, office
from tests.kit.walk import (
    BODIES,
    CALLERS,
    FOREIGN,
    MINE,
    PARAMETERS,
    SETTLE,
    SIGN,
    SIMPLE,
    TARGETS,
    TODAY,
    Made,
    Target,
    World,
    absence_body,
    agreed,
    terminal_body,
)
from tests.kit.who_may import ROWS

SPANS = (("2025-11-10", "2025-12-31"), ("2026-01-01", "2026-02-20"), ("2026-02-21", "2026-03-27"))
TASKS = "task_code,name,unit,norm_minutes,opd_code,effective_from,active\nT-1,Layanan,berkas,10,,2025-01-01,true\n"
NOW = dt.datetime(2025, 11, 6, 9, 0, tzinfo=WIB)
PEOPLE = {"DISDIK-A": ("1.01", 6), "DISDIK-B": ("1.01", 5), "JATI-1": ("4.01", 4)}
HEADS = {"DISDIK-A": 0, "DISDIK-B": 6, "JATI-1": 11}
STRANGERS = range(11, 15)


def planned(place: Mapping[str, Any], day: int) -> ScheduleChanged:
    """A day at the office for whom `place` names."""
    hours = {"starts_at": f"2025-11-{day:02}T07:30:00+07:00", "ends_at": f"2025-11-{day:02}T16:00:00+07:00"}
    date = {"work_date": f"2025-11-{day:02}", "revision": 1, "mode": "WFO", "policy_version": "p1"}
    return ScheduleChanged.model_validate({**place, **date, **hours})


def facts() -> list[Event]:
    """The city as the other services know it, with a plan and a check-in for everybody today."""
    known: list[Event] = [
        RulesChanged(
            rules_version="r1",
            effective_from=dt.date(2025, 1, 1),
            tolerance_minutes=0,
            report_modes=["WFO", "WFH"],
            report_cutoff="17:00",
            review_sla_working_days=3,
        )
    ]
    number = 0
    for unit, (opd, count) in PEOPLE.items():
        known.append(
            UnitChanged(
                unit_id=unit,
                revision=1,
                opd_code=opd,
                opd_name=f"OPD {opd}",
                name=unit,
                is_service_point=True,
                requirements=[
                    Requirement(
                        effective_from=dt.date(2025, 1, 1),
                        weekdays=[0, 1, 2, 3, 4],
                        opens="08:00",
                        closes="15:00",
                        min_staff=1,
                    )
                ],
            )
        )
        for person in range(number, number + count):
            head = person == HEADS[unit]
            who = employee_id(person)
            place: dict[str, Any] = {"employee_id": who, "opd_code": opd, "unit_id": unit, "work_date": TODAY}
            known += [
                EmployeeChanged(
                    employee_id=who,
                    revision=1,
                    nip=nip(person),
                    name=called(person),
                    opd_code=opd,
                    unit_id=unit,
                    employment="PNS",
                    supervisor_id=None if head else employee_id(HEADS[unit]),
                    heads=[unit] if head else [],
                ),
                planned(place, 6),
                planned(place, 7),
                AttendanceRecorded(
                    punch_id=uuid4(),
                    kind="in",
                    at=NOW,
                    received_at=NOW,
                    zone="office",
                    source="app",
                    **place,
                ),
            ]
        number += count
    return known


def called(person: int) -> str:
    return f"Asing-{person}" if person in STRANGERS else f"Kawan-{person}"


MARKS_OF_STRANGERS = tuple(mark for n in STRANGERS for mark in (str(employee_id(n)), called(n), nip(n)))
MARKS_OF_ALL = tuple(mark for n in range(15) for mark in (str(employee_id(n)), called(n), nip(n)))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(
    postgres: str, migrated_template: Template, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    clock = FixedClock(NOW)
    async with all_services(postgres, migrated_template, tmp_path_factory.mktemp("who"), clock) as city:
        world = World(city)
        people = employees(PEOPLE)
        for n in range(14, -1, -1):
            people = people.replace(f",Pegawai {n},", f",{called(n)},")
        files = {"opds": OPDS, "units": UNITS, "requirements": REQUIREMENTS, "employees": people}
        for kind, text in (*files.items(), ("holidays", HOLIDAYS)):
            await world.call("POST", f"/scheduling/v1/imports/{kind}", content=text)
        for kind in ("duty_travel", "amendment"):
            path, everybody = f"/scheduling/v1/request-kinds/{kind}", {"employment": ["PNS"], "reason": "uji"}
            await world.call("PUT", path, json=everybody)
        await world.call("POST", "/scheduling/v1/policies", json={**STAGE_1, "effective_from": "2025-11-07"})
        for opd in (MINE, FOREIGN):
            for first, last in SPANS:
                body = {"from": first, "to": last, "scope": {"opd_codes": [opd]}, "publish": True}
                await world.call("POST", "/scheduling/v1/rosters", json=body)
        await city.know(*facts())
        await world.call("POST", "/reporting/v1/catalogue/imports", content=TASKS)
        for target in TARGETS:
            for serial in (f"SN-{target.name}", f"SN-{target.name}-2", "SN-moving"):
                hangs = terminal_body(TARGETS[0] if serial == "SN-moving" else target)
                await world.call("PUT", f"/attendance/v1/terminals/{serial}", json=hangs)
            pins = f"pin,employee_id,serial\n88,{target.employee},SN-{target.name}\n"
            await world.call("POST", "/attendance/v1/terminal-pins", content=pins)
            away = {**absence_body(world, target), "from": "2025-11-12", "to": "2025-11-12", **SETTLE}
            await world.call("POST", "/scheduling/v1/absences", json=away)
            path, meant = "/reporting/v1/me/intentions/2025-11-07", {"items": [{"task": "Layanan"}]}
            await world.call("PUT", path, role="staff", subject=target.employee, json=meant)
        yield world


def sign(row: str, answer: httpx.Response) -> str:
    """How it was answered: where each of many is answered for itself, the first of them."""
    status = answer.status_code
    if row == "POST /reporting/v1/reviews" and status < 300:
        status = answer.json()["items"][0]["status"]
    return "+" if status < 300 else SIGN.get(status, f"<{status}>")


TOPICS = {
    "scheduling": "directory.unit.v1",
    "attendance": "attendance.recorded.v1",
    "reporting": "report.submitted.v1",
    "notifications": "notification.sent.v1",
}


def chosen(door: Door, row: str, name: str, target: Target) -> str | None:
    """What a parameter is at some doors, or in some rows; None where it is as everywhere."""
    special = {
        ("topic", True): TOPICS[door.service],
        # Those that are read need Kafka: tests/integration/test_feed.py.
        ("topic", "/feed/" in row): "none.v1",
        ("week", True): "2025-W45",
        ("month", True): "2025-11",
        ("rates_version", True): "a",
        ("effective_from", True): "2025-11-01",
        **{(of_a_log, True): "1" for of_a_log in ("partition", "first", "second", "level", "number")},
        ("id", "log/proofs" in row): str(target.employee),
        ("work_date", "wishes" in row): "2025-12-01",
        ("work_date", "intentions" in row): "2025-11-07",
        ("date", door.service == "scheduling"): "2025-11-12",
        ("to", door.service == "reporting"): str(TODAY),
        ("figure", True): "on_time_rate",
        ("my_date", True): "2025-11-12",
        ("kind", "request-kinds" in row): "annual",
        ("serial", "#another unit" in row): "SN-moving",
        ("serial", "#taken over" in row): f"SN-{target.name}-2",
    }
    return special.get((name, True))


def maker(door: Door, row: str, name: str) -> Made:
    """What makes the thing that a parameter names."""
    if name == "subscription_id" and "/trials" in row:
        return office
    if name == "request_id":
        asked = ASKED[door.service]
        return waited(door.service, asked) if "#waited" in row else asked
    return (
        agreed
        if name == "swap_id" and "approve" in row
        else {**PARAMETERS, **FLAGGED, **PILOTED, **PACKED, **PUSHED, **RULED, **SUBSCRIBED}[name]
    )


async def parameter(world: World, door: Door, row: str, name: str, target: Target) -> str:
    special = chosen(door, row, name, target)
    if special is not None:
        return special
    simple = SIMPLE.get(name)
    if simple is not None:
        return simple(target)
    key = (f"{row} ?{name}", target.name)
    if key not in world.made:
        world.made[key] = await maker(door, row, name)(world, target)
    return world.made[key]


def used_up(world: World, row: str) -> None:
    """What a request has changed is no good for the next."""
    for kept in (world.made, world.bodies):
        for key in [key for key in kept if key[0].partition(" ?")[0] == row]:
            del kept[key]


async def ask(world: World, door: Door, row: str, target: Target, headers: Mapping[str, str]) -> httpx.Response:
    path, query = door.path, dict[str, str]()
    for one in door.parameters:
        name = one["name"]
        if one["in"] == "path":
            path = path.replace("{" + name + "}", quote(await parameter(world, door, row, name, target)))
        elif one.get("required") or name in ("opd_code", "unit_id", "serial"):
            query[name] = await parameter(world, door, row, name, target)
    bodies = {
        **BODIES,
        **ASKING,
        **FEEDING,
        **FLAGGING,
        **PAYING,
        **PILOTING,
        **PACKING,
        **PUSHING,
        **CALLING,
        **RULING,
        **SUBSCRIBING,
    }
    if row in bodies and (row, target.name) not in world.bodies:
        world.bodies[row, target.name] = await bodies[row](world, target)
    body = world.bodies.get((row, target.name))
    how: dict[str, Any] = {} if body is None else {"content": body} if isinstance(body, str) else {"json": body}
    if isinstance(body, bytes):
        how = {"content": body}
    address = path + ("?" + urlencode(query) if query else "")
    answer = await world.city.client.request(door.method, address, headers=dict(headers), **how)
    if door.method != "GET" and answer.status_code < 300:
        used_up(world, row)
    return answer


def rows_of(door: Door) -> list[str]:
    return [row for row in ROWS if row.partition(" #")[0] == door.name]


def walked(world: World) -> list[Door]:
    return [door for door in world.city.doors if not door.path.endswith("/stream")]


async def actual(world: World, door: Door, row: str) -> tuple[str, list[str]]:
    """(what the roles were answered with, what was told to whom and should not have been)."""
    signs, leaks = list[str](), list[str]()
    for target in TARGETS:
        for role in ROLES:
            answer = await ask(world, door, row, target, world.as_role(role))
            signs.append(sign(row, answer))
            if role == "bkpsdm" and any(mark in answer.text for mark in MARKS_OF_STRANGERS):
                world.telling.add(row)
            if role in ("staff", "supervisor", "opd_admin"):
                marks = MARKS_OF_STRANGERS
            elif role in ("council", "ops"):
                marks = MARKS_OF_ALL
            else:
                marks = ()
            asked = f"{answer.request.url} {answer.request.content.decode(errors='replace')} {CALLERS[role]}"
            leaks += [
                f"{row} tells {role} of {mark} ({target.name})"
                for mark in marks
                if mark in answer.text and mark not in asked
            ]
        signs.append(" ")
    return "".join(signs).rstrip(), leaks


async def test_every_door_has_a_row_and_every_row_a_door(world: World) -> None:
    """Where this fails: make what the door needs (tests/kit/walk.py), judge who may, write the row."""
    doors = {door.name: door for door in walked(world)}
    missing = list[str]()
    for name in sorted(doors.keys() - {row.partition(" #")[0] for row in ROWS}):
        try:
            signs, _ = await actual(world, doors[name], name)
        except KeyError as unknown:
            signs = f"nobody has said what {unknown} is"
        missing.append(f"{name}: no row in tests/kit/who_may.py; as it is now: {signs}")
    assert missing == [], "\n".join(missing)
    assert [row for row in ROWS if row.partition(" #")[0] not in doors] == []
    assert [
        row
        for row in {
            **BODIES,
            **ASKING,
            **FEEDING,
            **FLAGGING,
            **PILOTING,
            **PACKING,
            **PUSHING,
            **CALLING,
            **RULING,
            **SUBSCRIBING,
        }
        if row not in ROWS
    ] == []


@pytest.mark.fault(31)
async def test_every_role_is_answered_as_the_table_says_and_told_of_nobody_else(world: World) -> None:
    wrong = list[str]()
    for door in walked(world):
        for row in rows_of(door):
            signs, leaks = await actual(world, door, row)
            wrong += leaks
            if signs != ROWS[row]:
                wrong.append(f"{row}\n    expected {ROWS[row]}\n    answered {signs}")
    assert wrong == [], "\n".join(wrong)
    assert {  # there is somebody to be told of
        "GET /scheduling/v1/employees",
        "GET /scheduling/v1/plans",
        "GET /scheduling/v1/plans.csv",
        "GET /scheduling/v1/absences",
        "GET /scheduling/v1/units/{unit_id}/plans",
        "GET /attendance/v1/terminal-pins",
        "GET /reporting/v1/opds/{opd_code}/people",
        "GET /reporting/v1/people/{employee_id}/days/{date}",
    } <= world.telling


async def test_no_page_and_no_file_of_a_pack_names_anybody_to_the_council(world: World) -> None:
    """By the session of a browser: every page that opens to them, and every file of a pack that these lead to."""
    client, wrong = world.city.client, list[str]()
    opened = await client.post("/reporting/login", data={"token": world.city.signer.token("council", uuid4())})
    client.cookies.clear()
    cookie = {"Cookie": opened.headers["set-cookie"].partition(";")[0], "Sec-Fetch-Site": "same-origin"}
    pack_id = await PACKED["pack_id"](world, TARGETS[0])
    manifest = (await client.get(f"/reporting/v1/packs/{pack_id}", headers=cookie)).json()
    begun = [
        "/reporting/",
        *(f"/reporting/v1/packs/{pack_id}/{one['name']}" for one in manifest["files"]),
    ]
    seen = set[str]()
    while begun:
        path = begun.pop()
        seen.add(path)
        answer = await client.get(path, headers=cookie)
        assert answer.status_code == 200, (path, answer.text)
        wrong += [f"{path} names {mark}" for mark in MARKS_OF_ALL if mark.encode() in answer.content]
        if "html" in answer.headers["content-type"]:
            # Without what follows the address: a page of a date leads to the date before it, for ever.
            links = set(re.findall(r'href="(/reporting/[^"#?]*)', answer.text))
            begun += sorted({link for link in links if "/static/" not in link} - seen - {*begun})
    assert wrong == []
    assert {"/reporting/desk/packs", f"/reporting/v1/packs/{pack_id}/pack.zip"} <= seen
    assert len(seen) > len(manifest["files"]) + 5


async def test_an_opd_admin_whose_token_names_no_opd_is_in_none(world: World) -> None:
    """They may what the table gives an OPD admin about another OPD's, and are told of nobody."""
    nowhere, wrong = world.headers("opd_admin", uuid4()), list[str]()
    for door in walked(world):
        for row in rows_of(door):
            foreign = ROWS[row].split(" ")[2][ROLES.index("opd_admin")]
            for target in TARGETS:
                answer = await ask(world, door, row, target, nowhere)
                if sign(row, answer) == "+" and (
                    foreign != "+" or any(one in answer.text for one in MARKS_OF_ALL)
                ):
                    wrong.append(f"{row}: {answer.status_code} {answer.text[:200]} ({target.name})")
    assert wrong == [], "\n".join(wrong)


async def test_nobody_in_particular_opens_no_door_and_changes_nothing(world: World) -> None:
    """Without a token nothing, by an office's token no change of the city, by a browser's session no change."""
    token = world.city.signer.token("bkpsdm", uuid4())
    opened = await world.city.client.post("/reporting/login", data={"token": token})
    world.city.client.cookies.clear()
    cookie = {"Cookie": opened.headers["set-cookie"].partition(";")[0], "Sec-Fetch-Site": "same-origin"}
    wrong = list[str]()
    for door in walked(world):
        if "/v1/" not in door.path:
            continue
        for row in rows_of(door) if door.name not in OF_EVERYBODY else ():
            answers = {"nobody": await ask(world, door, row, TARGETS[0], {})}
            if door.method != "GET" and row not in OF_A_SESSION:
                answers["an office"] = await ask(world, door, row, TARGETS[0], world.headers("bkpsdm"))
                answers["a cookie"] = await ask(world, door, row, TARGETS[0], cookie)
            by_office = {200, 202} if row in OF_AN_OFFICE else {403}
            expected = {"nobody": {401}, "an office": by_office, "a cookie": {401, 403}}
            wrong += [
                f"{row}: {answer.status_code} to {who}"
                for who, answer in answers.items()
                if answer.status_code not in expected[who]
            ]
    assert wrong == [], "\n".join(wrong)


OF_AN_OFFICE = ("POST /reporting/v1/packs",)
"""What is asked for by another method than GET, and changes nothing of the city."""
OF_EVERYBODY = ("GET /attendance/v1/receipt-keys", "GET /reporting/v1/proof-keys")
"""Who was shown a receipt proves it with these, and needs no account."""

OF_A_SESSION = ("POST /reporting/v1/sign-in-links", "POST /reporting/v1/session-tokens")
"""They change nothing of anybody's: the one makes a session of an office's token, the other is for a cookie."""
