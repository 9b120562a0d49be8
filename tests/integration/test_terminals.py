"""Terminals over real HTTP, in the bytes that their firmware writes: none of what is tapped is lost or double."""

# ruff: noqa: E501 - lines of terminals read best whole

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import uvicorn

from deploy.local.front import Front, Proxy, proxy_client
from shared.server import config
from tests.conftest import DatabaseFor
from tests.kit.attendance import HOME, OFFICE, Rig, attendance, employee, plan, unit, wib
from tests.kit.kafka import eventually, message, produce
from tests.kit.reporting import running
from tests.kit.terminal import CutError, Terminal

SERIAL = "BAZR192360015"
AT_DOOR = dt.datetime(2025, 11, 6, 7, 25)  # noqa: DTZ001 - a display's time
BOSS = "bkpsdm"


@asynccontextmanager
async def listening(app: Any) -> AsyncGenerator[int]:
    """The port at which `app` answers."""
    server = uvicorn.Server(config(app, port=0, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving


@pytest.fixture
async def rig(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Rig]:
    async with attendance(await database_for("attendance"), tmp_path) as rig:
        await rig.know(unit())
        yield rig


@pytest.fixture
async def port(rig: Rig) -> AsyncIterator[int]:
    async with listening(rig.app) as port:
        yield port


async def register(rig: Rig, serial: str = SERIAL, **changes: Any) -> dict[str, Any]:
    given = {
        "name": "Lobi",
        "unit_id": "disdukcapil.loket",
        "commissioned_at": "2025-11-01T00:00:00+07:00",
        "reason": "dipasang di lobi",
        **changes,
    }
    answer = await rig.client.put(f"/attendance/v1/terminals/{serial}", json=given, headers=rig.token("bkpsdm"))
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


async def give(rig: Rig, *rows: tuple[str, UUID | str, str]) -> dict[str, Any]:
    lines = ["pin,employee_id,serial", *(",".join(map(str, row)) for row in rows)]
    answer = await rig.client.post(
        "/attendance/v1/terminal-pins", content="\n".join(lines), headers=rig.token("bkpsdm")
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def shown(rig: Rig, serial: str = SERIAL) -> dict[str, Any]:
    page = (await rig.client.get("/attendance/v1/terminals", headers=rig.token("bkpsdm"))).json()
    return next(one for one in page["items"] if one["serial"] == serial)


async def punches(rig: Rig) -> list[dict[str, Any]]:
    async with rig.db.read() as tx:
        rows = await tx.connection.fetch("select * from punch order by at, punch_id")
    return [dict(row) for row in rows]


async def replay(rig: Rig, serial: str = SERIAL) -> dict[str, Any]:
    answer = await rig.client.post(
        f"/attendance/v1/terminals/{serial}/replay",
        json={"reason": "sudah diperbaiki"},
        headers=rig.token("bkpsdm"),
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_it_is_told_what_to_send_from_where_on_and_what_time_it_is(rig: Rig, port: int) -> None:
    terminal = Terminal(SERIAL, port)
    await register(rig)
    answer = await terminal.introduce()
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert "GMT" in answer.headers["date"]
    assert {name: terminal.options[name] for name in ("Stamp", "ATTLOGStamp", "OpStamp")} == {
        "Stamp": "0",
        "ATTLOGStamp": "0",
        "OpStamp": "0",
    }
    assert (terminal.options["TimeZone"], terminal.options["Realtime"], terminal.options["Encrypt"]) == (
        "7",
        "1",
        "0",
    )
    assert terminal.options["TransFlag"] == "1100000000"  # attendance and operations; no fingers, no faces
    assert (await terminal.poll()).text == "OK\n"
    assert (await terminal.say("POST", f"/devicecmd?SN={SERIAL}", b"ID=1&Return=0&CMD=INFO")).text == "OK\n"
    assert (await terminal.say("GET", f"/ping?SN={SERIAL}")).text == "OK\n"
    assert (
        await terminal.upload("OPERLOG", ["USER PIN=1\tName=Budi\tPri=0", "FP PIN=1\tFID=1"])
    ).text == "OK: 2\n"
    for generation in ("registry", "push", "rtdata", "querydata"):
        assert (await terminal.say("GET", f"/{generation}?SN={SERIAL}")).status == 404
    assert (await terminal.upload("rtlog", ["time=2025-11-06 07:25:00\tpin=1"])).status == 404
    assert (await shown(rig))["seen_at"] == "2025-11-06T00:25:00Z"


async def test_a_burst_cut_off_and_sent_again_is_neither_lost_nor_double(rig: Rig, port: int) -> None:
    await register(rig)
    people = [uuid4() for _ in range(500)]
    await rig.know(*(event for who in people for event in (employee(who), plan(who))))
    await give(rig, *((f"{number:04}", who, "") for number, who in enumerate(people)))
    terminal = Terminal(SERIAL, port, crlf=True)
    await terminal.introduce()
    for number in range(500):
        terminal.tap(f"{number:04}", AT_DOOR - dt.timedelta(seconds=number % 50))
    for cut in (0, 4000, 10**9):
        with pytest.raises(CutError):
            await terminal.send(cut_after=cut)
    assert (await terminal.send()).text == "OK: 500\n"
    assert terminal.memory == []
    recorded = await punches(rig)
    assert {row["employee_id"] for row in recorded} == set(people)
    assert len(recorded) == 500
    assert {(row["kind"], row["source"], row["zone"], row["time_trust"]) for row in recorded} == {
        ("in", "terminal", "office", "verified")
    }
    promised = await rig.outbox()
    assert len(promised) == 500
    assert promised[0][1]["source"] == "terminal"
    # Its memory was not emptied after all: all of it comes once more, together with a second check-in.
    for number in range(500):
        terminal.tap(f"{number:04}", AT_DOOR - dt.timedelta(seconds=number % 50))
    terminal.tap("0007", AT_DOOR, state=1)
    terminal.tap("0007", AT_DOOR, state=1)
    assert (await terminal.send()).text == "OK: 502\n"
    assert len(await punches(rig)) == 501
    again = Terminal(SERIAL, port)
    await again.introduce()
    assert again.options["Stamp"] == str(terminal.stamp)


async def test_numbers_are_texts_and_belong_to_a_terminal_or_to_the_city(rig: Rig, port: int) -> None:
    first, second, third, visitor = [await rig.staff() for _ in range(4)]
    await register(rig)
    await register(rig, "OTHER-2")
    long = "0" * 12 + "123456789012"
    await give(rig, ("7", first, ""), ("7", second, "OTHER-2"), ("007", third, ""), (long, visitor, SERIAL))
    for serial, pin in ((SERIAL, "7"), ("OTHER-2", "7"), (SERIAL, "007"), (SERIAL, long), ("OTHER-2", long)):
        terminal = Terminal(serial, port)
        terminal.tap(pin, AT_DOOR)
        assert (await terminal.send()).text == "OK: 1\n"
    assert sorted(row["employee_id"] for row in await punches(rig)) == sorted([first, second, third, visitor])
    assert (await shown(rig, "OTHER-2"))["waiting"] == {"unknown_pin": 1}
    assert (await give(rig, ("7", first, ""), ("007", "", ""), ("7", third, "OTHER-2"))) == {
        "dry_run": False, "rows": 3, "given": 0, "moved": 1, "gone": 1, "unchanged": 1
    }  # fmt: skip


async def test_what_is_no_punch_yet_waits_with_its_reason_until_it_is_mended(rig: Rig, port: int) -> None:
    me = await rig.staff()
    await register(rig)
    await give(rig, ("1", me, ""))
    terminal = Terminal(SERIAL, port)
    terminal.tap("1", AT_DOOR)
    terminal.tap("2", AT_DOOR)
    terminal.tap("1", dt.datetime(2000, 1, 1, 0, 3))  # noqa: DTZ001
    terminal.tap("1", AT_DOOR + dt.timedelta(minutes=6))
    terminal.tap("1", dt.datetime(2025, 10, 31, 16, 0))  # noqa: DTZ001
    terminal.tap("1", AT_DOOR, state=255)
    terminal.memory += [
        "1",
        "\x00\x01ÿ",
        "1\t2025-02-30 07:00:00\t0",
        "x1\t2025-11-06 07:00:00\t0",
        "1\t2025-11-06 07:00:00",
    ]
    assert (await terminal.send()).text == "OK: 11\n"
    waiting = {
        "unknown_pin": 1,
        "unset_clock": 1,
        "future": 1,
        "before_commissioning": 1,
        "unknown_state": 1,
        "unreadable": 5,
    }
    assert (await shown(rig))["waiting"] == waiting
    assert len(await punches(rig)) == 1
    terminal.memory += ["1", "\x00\x01ÿ"]
    await terminal.send()
    assert (await shown(rig))["waiting"] == waiting
    listed = await rig.client.get(f"/attendance/v1/terminals/{SERIAL}/lines?limit=4", headers=rig.token("bkpsdm"))
    assert len(listed.json()["items"]) == 4
    assert listed.json()["next"]
    other = await rig.staff()
    rig.clock.set(wib("2025-11-06T12:00"))
    await give(rig, ("2", other, ""))
    await register(rig, states={"0": "in", "1": "out", "255": "in"}, commissioned_at="2025-10-01T00:00:00+07:00")
    taken = await replay(rig)
    assert (taken["recorded"], taken["waiting"]) == (3, {"future": 1, "unset_clock": 1, "unreadable": 5})
    assert len(await punches(rig)) == 4
    (theirs,) = [row for row in await punches(rig) if row["employee_id"] == other]
    assert (theirs["at"], theirs["received_at"]) == (wib("2025-11-06T07:25"), wib("2025-11-06T07:25"))
    gone = await rig.client.post(
        f"/attendance/v1/terminals/{SERIAL}/dismissal",
        json={"waiting_for": ["unreadable", "unset_clock"], "reason": "baris rusak"},
        headers=rig.token("bkpsdm"),
    )
    assert gone.json() == {"lines": 6}
    assert (await shown(rig))["waiting"] == {"future": 1}
    metrics = (await rig.client.get("/attendance/metrics")).text
    assert 'hadir_terminal_lines_total{became="unset_clock"}' in metrics


async def test_a_clock_is_believed_for_a_day_after_it_was_seen_to_agree(rig: Rig, port: int) -> None:
    me = await rig.staff()
    await register(rig)
    await give(rig, ("1", me, ""))
    terminal = Terminal(SERIAL, port)

    async def sent(received: str, *times: str) -> list[tuple[str, str]]:
        rig.clock.set(wib(received))
        for time in times:
            terminal.tap("1", dt.datetime.fromisoformat(time))
        before = {row["punch_id"] for row in await punches(rig)}
        assert (await terminal.send()).ok
        return [
            (row["at"].astimezone(dt.timezone(dt.timedelta(hours=7))).isoformat()[:19], row["time_trust"])
            for row in await punches(rig)
            if row["punch_id"] not in before
        ]

    # Never seen: an old time says nothing. Then it sends at once, and is right.
    assert await sent("2025-11-06T09:00", "2025-11-06T07:25:00") == [("2025-11-06T07:25:00", "unverified")]
    assert await sent("2025-11-06T09:10", "2025-11-06T09:09:58") == [("2025-11-06T09:09:58", "verified")]
    assert (await shown(rig))["clock"] == {"compared_at": "2025-11-06T02:10:00Z", "ahead_s": -2.0, "agrees": True}
    # Away for days: a day after it was last seen is believed, more is not, and the last day is again.
    assert await sent("2025-11-10T12:00", "2025-11-07T09:00:00", "2025-11-08T09:00:00") == [
        ("2025-11-07T09:00:00", "verified"),
        ("2025-11-08T09:00:00", "unverified"),
    ]
    assert await sent("2025-11-10T12:01", "2025-11-10T08:00:00", "2025-11-10T12:00:59") == [
        ("2025-11-10T08:00:00", "verified"),
        ("2025-11-10T12:00:59", "verified"),
    ]
    # Three minutes fast: never after its receipt, and not believed; nor what it told while it was.
    assert await sent("2025-11-10T16:00", "2025-11-10T16:03:00") == [("2025-11-10T16:00:00", "unverified")]
    assert not (await shown(rig))["clock"]["agrees"]
    rig.clock.set(wib("2025-11-10T16:10"))
    await terminal.upload("OPERLOG", ["OPLOG 4\t1\t2025-11-10 16:10:00\t0\t0\t0\t0"])
    assert (await shown(rig))["clock"]["agrees"]
    assert await sent("2025-11-10T16:11", "2025-11-10T16:02:00", "2025-11-10T16:10:30") == [
        ("2025-11-10T16:02:00", "unverified"),
        ("2025-11-10T16:10:30", "verified"),
    ]
    # Ten minutes slow, while it called all the time and would have sent it.
    for minute in range(20, 40):
        rig.clock.set(wib(f"2025-11-10T16:{minute}"))
        await terminal.poll()
    assert await sent("2025-11-10T16:40", "2025-11-10T16:30:00") == [("2025-11-10T16:30:00", "unverified")]
    assert (await shown(rig))["clock"]["ahead_s"] == -600


async def test_a_stranger_keeps_its_lines_and_is_told_of_once(rig: Rig, port: int) -> None:
    me = await rig.staff()
    terminal = Terminal(SERIAL, port)
    terminal.tap("1", AT_DOOR)
    for _ in range(3):
        assert (await terminal.introduce()).status == 403
        assert not (await terminal.send()).ok
    for wrong in ("", "?SN=", "?SN=../x", "?SN=%27%3B--", "?SN=" + "x" * 100, "?sn=%C3%A9"):
        assert (await terminal.say("GET", f"/getrequest{wrong}")).status == 403
    assert await rig.count("punch") == await rig.count("terminal_line") == 0
    (stranger,) = (await rig.client.get("/attendance/v1/terminal-strangers", headers=rig.token("bkpsdm"))).json()[
        "items"
    ]
    assert (stranger["serial"], stranger["why"], stranger["address"]) == (SERIAL, "unknown", "127.0.0.1")
    audit = (await rig.client.get("/attendance/v1/audit?action=terminal", headers=rig.token("auditor"))).json()[
        "items"
    ]
    assert [(row["action"], row["actor"], row["subject"]) for row in audit] == [
        ("terminal.stranger", "system", SERIAL)
    ]
    await register(rig)
    await give(rig, ("1", me, ""))
    assert (await terminal.send()).ok
    assert await rig.count("punch") == 1
    assert await rig.count("strange_terminal") == 0


async def test_only_from_its_network_and_with_its_key_if_it_has_them(rig: Rig, port: int) -> None:
    terminal = Terminal(SERIAL, port)
    await register(rig, networks=["10.1.0.0/16"])
    assert (await terminal.introduce()).text == "ERROR: network\n"
    assert (await register(rig, networks=["127.0.0.0/8", "::1/128"], key="8842"))["has_key"]
    assert (await terminal.poll()).text == "ERROR: key\n"
    assert (await terminal.introduce("&pushcommkey=1234")).text == "ERROR: key\n"
    assert (await terminal.introduce("&pushcommkey=8842")).status == 200
    assert (await terminal.poll()).ok
    assert (await register(rig))["has_key"]
    await register(rig, enabled=False, no_key=True)
    assert (await terminal.poll()).text == "ERROR: disabled\n"


async def test_too_much_and_nonsense_break_nothing(rig: Rig, port: int) -> None:
    await register(rig)
    terminal = Terminal(SERIAL, port)
    target = f"/cdata?SN={SERIAL}&table=ATTLOG&Stamp=1"
    with contextlib.suppress(ConnectionError):  # told so before all of it had left
        assert (await terminal.say("POST", target, b"1\t2025-11-06 07:25:00\t0\n" * 900_000)).status == 413
    for body in (b"", b"\n\r\n", b"\xff\xfe\x00" * 100, b"\t\t\t\n" * 50, b"{" * 1000, b"1\t" + b"9" * 5000):
        assert (await terminal.say("POST", target, body)).ok
    assert (
        await terminal.say("POST", f"/cdata?SN={SERIAL}&table=OPERLOG", b"OPLOG 4\t0\t9999-99-99 99:99:99\t")
    ).ok
    assert await rig.count("punch") == 0
    assert set((await shown(rig))["waiting"]) == {"unreadable"}


async def test_without_keys_the_first_tap_is_in_and_the_last_is_out(rig: Rig, port: int) -> None:
    me, night = await rig.staff(), uuid4()
    await rig.know(
        employee(night), plan(night, starts_at=wib("2025-11-06T22:00"), ends_at=wib("2025-11-07T06:00"))
    )
    await register(rig, keys="first_last", states={"9": "ignored"})
    await give(rig, ("1", me, ""), ("2", night, ""))
    terminal = Terminal(SERIAL, port)
    rig.clock.set(wib("2025-11-07T06:10"))
    taps = ("07:25:00", "07:25:03", "12:01:00", "13:00:00", "16:02:00", "16:02:30")
    for time in reversed(taps):
        terminal.tap("1", dt.datetime.fromisoformat(f"2025-11-06T{time}"))
    for time in ("2025-11-06T21:55:00", "2025-11-07T06:05:00"):
        terminal.tap("2", dt.datetime.fromisoformat(time))
    terminal.tap("1", AT_DOOR, state=9)
    assert (await terminal.send()).ok
    rows = await punches(rig)
    assert [row["kind"] for row in rows if row["employee_id"] == me] == ["in", "in", "out", "out", "out", "out"]
    assert [(row["kind"], str(row["work_date"])) for row in rows if row["employee_id"] == night] == [
        ("in", "2025-11-06"),
        ("out", "2025-11-06"),
    ]


async def test_the_zone_is_that_of_the_door_for_whoever_is_planned_where(rig: Rig, port: int) -> None:
    own, upstairs, elsewhere, at_home = [await rig.staff() for _ in range(4)]
    far = {"lat": -6.1, "lon": 106.9, "radius_m": 100}
    await rig.know(
        unit("disdukcapil.arsip", places=[{**OFFICE.model_dump(), "radius_m": 80}]),
        unit("kec.jauh", places=[far]),
        unit("coworking", places=[HOME.model_dump()]),
        plan(upstairs, revision=2, unit_id="disdukcapil.arsip"),
        plan(elsewhere, revision=2, unit_id="kec.jauh"),
        plan(at_home, revision=2, mode="WFH"),
    )
    await register(rig)
    await register(rig, "HOME-1", unit_id="coworking")
    await give(rig, ("1", own, ""), ("2", upstairs, ""), ("3", elsewhere, ""), ("4", at_home, ""))
    terminal = Terminal(SERIAL, port)
    for pin in ("1", "2", "3"):
        terminal.tap(pin, AT_DOOR)
    assert (await terminal.send()).ok
    home = Terminal("HOME-1", port)
    home.tap("4", AT_DOOR)
    assert (await home.send()).ok
    zones = {row["employee_id"]: row["zone"] for row in await punches(rig)}
    assert zones == {own: "office", upstairs: "office", elsewhere: "elsewhere", at_home: "remote"}


STICK = (
    "        1\t2025-11-06 07:20:00\t1\t0\t1\t0\r\n"
    "        1\t2025-11-06 07:24:00\t1\t1\t15\t0\r\n"
    "       22\t2025-11-06 07:24:30\t1\t0\t1\t0\r\n"
)


async def test_a_file_from_the_stick_or_the_office_is_the_same_punches(rig: Rig, port: int) -> None:
    me = await rig.staff()
    await register(rig)
    await give(rig, ("1", me, ""))
    door = f"/attendance/v1/terminals/{SERIAL}/files"

    async def file(body: str, query: str = "") -> dict[str, Any]:
        answer = await rig.client.post(
            door + query, content=body, headers=rig.token("opd_admin", opd="DISDUKCAPIL")
        )
        return answer.json() | {"status": answer.status_code}

    tried = await file(STICK, "?dry_run=true")
    assert (tried["recorded"], tried["waiting"], await rig.count("punch")) == (2, {"unknown_pin": 1}, 0)
    taken = await file(STICK)
    assert (taken["recorded"], taken["repeated"], taken["waiting"]) == (2, 0, {"unknown_pin": 1})
    assert {(row["kind"], row["time_trust"]) for row in await punches(rig)} == {
        ("in", "unverified"),
        ("out", "unverified"),
    }
    csv = "pin;time;state;name\n1;2025-11-06 07:20:00;0;Budi\n1;2025/11/06 07:24;1;Budi\n'1;2025-11-06 07:24:40;1;Budi\n"
    taken = await file(csv)
    assert (taken["recorded"], taken["repeated"]) == (1, 2)
    terminal = Terminal(SERIAL, port)
    terminal.tap("1", dt.datetime(2025, 11, 6, 7, 20))  # noqa: DTZ001
    terminal.tap("1", dt.datetime(2025, 11, 6, 7, 24), state=1)  # noqa: DTZ001
    assert (await terminal.send()).ok
    assert await rig.count("punch") == 3
    wrong = await file("pin,time,state\n1,06/11/2025 07:20,0\n,2025-11-06 07:20:00,x\n")
    assert wrong["status"] == 422
    assert [(one["row"], one["column"], one["code"]) for one in wrong["errors"]] == [
        (2, "time", "import.local_time"),
        (3, "pin", "import.required"),
        (3, "state", "import.state"),
    ]
    assert (await file(STICK + "1\t2025-11-06\n"))["status"] == 422
    assert (await file("")).get("status") == 422
    other = await rig.client.post(door, content=STICK, headers=rig.token("opd_admin", opd="DINKES"))
    assert other.status_code == 404


async def test_who_may_do_what_with_terminals(rig: Rig) -> None:
    me, foreign = await rig.staff(), uuid4()
    await rig.know(
        employee(foreign, opd_code="DINKES", unit_id="dinkes.loket"), unit("dinkes.loket", opd_code="DINKES")
    )
    await register(rig, "DINKES-1", unit_id="dinkes.loket")
    admin = rig.token("opd_admin", opd="DISDUKCAPIL")
    given = {"name": "Lobi", "unit_id": "disdukcapil.loket", "reason": "dipasang"}
    for role in ("staff", "supervisor", "council", "auditor", "ops"):
        refused = await rig.client.put("/attendance/v1/terminals/A-1", json=given, headers=rig.token(role))
        assert refused.status_code == 403
    assert (await rig.client.put("/attendance/v1/terminals/A-1", json=given, headers=admin)).status_code == 201
    assert (await rig.client.put("/attendance/v1/terminals/A-1", json=given, headers=admin)).status_code == 200
    taken = await rig.client.put("/attendance/v1/terminals/DINKES-1", json=given, headers=admin)
    elsewhere = {**given, "unit_id": "dinkes.loket"}
    moved = await rig.client.put("/attendance/v1/terminals/A-2", json=elsewhere, headers=admin)
    assert (taken.status_code, moved.status_code) == (404, 422)
    listed = (await rig.client.get("/attendance/v1/terminals", headers=admin)).json()["items"]
    assert [one["serial"] for one in listed] == ["A-1"]
    rows = f"serial,pin,employee_id\n,1,{me}\nDINKES-1,1,{me}\nA-1,1,{foreign}\nA-1,12345678901234567890123456,{me}\nA-1,1,x\n"
    refused = await rig.client.post("/attendance/v1/terminal-pins", content=rows, headers=admin)
    assert refused.status_code == 422
    assert {(one["row"], one["column"], one["code"]) for one in refused.json()["errors"]} == {
        (2, "serial", "import.terminal"),
        (3, "serial", "import.terminal"),
        (4, "employee_id", "import.not_yours"),
        (5, "pin", "import.pin"),
        (6, "employee_id", "import.employee_id"),
        (6, "pin", "import.twice"),
    }
    assert await rig.count("terminal_pin") == 0
    good = f"serial,pin,employee_id\nA-1,0001,{me}\n"
    dry = await rig.client.post("/attendance/v1/terminal-pins?dry_run=true", content=good, headers=admin)
    assert (dry.json()["given"], await rig.count("terminal_pin")) == (1, 0)
    assert (await rig.client.post("/attendance/v1/terminal-pins", content=good, headers=admin)).status_code == 200
    page = await rig.client.get("/attendance/v1/terminal-pins?serial=A-1", headers=admin)
    assert page.json()["items"] == [{"pin": "0001", "serial": "A-1", "employee_id": str(me)}]
    for path in (
        "terminal-pins",
        "terminal-pins?serial=DINKES-1",
        "terminals/DINKES-1/lines",
        "terminal-strangers",
    ):
        refused = await rig.client.get(f"/attendance/v1/{path}", headers=admin)
        assert refused.status_code in (403, 404), path


async def test_the_front_door_of_a_local_system_leads_terminals_to_attendance_by_one_process_or_several(
    rig: Rig, port: int
) -> None:
    await register(rig)
    async with proxy_client() as client:
        apps = [{"attendance": rig.app}, {"attendance": Proxy(client, lambda: ("127.0.0.1", port))}]
        for one in apps:
            async with listening(Front(one)) as ahead:
                terminal = Terminal(SERIAL, ahead)
                answer = await terminal.introduce()
                assert (answer.status, terminal.options["Realtime"]) == (200, "1")
                assert answer.dates == 1  # it sets its clock by it
                terminal.tap("1", AT_DOOR)
                assert (await terminal.send()).ok
    assert (await shown(rig))["waiting"] == {"unknown_pin": 1}


async def test_from_a_finger_at_the_door_to_the_verdict_on_the_day(
    database_for: DatabaseFor, kafka: str, tmp_path: Path
) -> None:
    """Terminal, attendance, Kafka, reporting: a verified tap is believed, and one that nobody could verify is not."""
    true, doubtful = uuid4(), uuid4()
    unit_id = f"unit-{uuid4().hex[:8]}"
    said = [
        unit(unit_id),
        *(employee(who, unit_id=unit_id) for who in (true, doubtful)),
        *(plan(who, unit_id=unit_id) for who in (true, doubtful)),
    ]
    await produce(kafka, [message(event) for event in said])
    async with (
        attendance(await database_for("attendance"), tmp_path, kafka=kafka, at="2025-11-06T07:26") as rig,
        listening(rig.app) as port,
        running(kafka, await database_for("reporting"), tmp_path, wib("2025-11-06T09:00")) as reporting,
        reporting.caller("bkpsdm") as officer,
    ):

        async def known() -> bool:
            async with rig.db.read() as tx:
                ids = [true, doubtful]
                plans = "select count(*) from plan_fact where employee_id = any($1::uuid[])"
                people = "select count(*) from employee_fact where employee_id = any($1::uuid[])"
                units = "select count(*) from unit_fact where unit_id = $1"
                return (
                    await tx.connection.fetchval(plans, ids) == await tx.connection.fetchval(people, ids) == 2
                    and await tx.connection.fetchval(units, unit_id) == 1
                )

        await eventually(known)
        for serial in (SERIAL, "NEVER-SEEN"):
            await register(rig, serial, unit_id=unit_id)
        await give(rig, ("1", true, ""), ("2", doubtful, ""))
        terminal = Terminal(SERIAL, port)
        await terminal.introduce()
        terminal.tap("1", AT_DOOR + dt.timedelta(seconds=50))
        assert (await terminal.send()).ok
        rig.clock.set(wib("2025-11-06T08:45"))
        late = Terminal("NEVER-SEEN", port)
        late.tap("2", AT_DOOR)
        assert (await late.send()).ok

        async def states(who: UUID) -> list[str]:
            day = await officer.get(f"/reporting/v1/people/{who}/days/2025-11-06")
            duties: dict[str, Any] = day.json().get("duties", {}) if day.status_code == 200 else {}
            return [duties.get(duty, {}).get("state", "") for duty in ("on_time", "place")]

        async def judged() -> bool:
            return [await states(true), await states(doubtful)] == [["met", "met"], ["unknown", "met"]]

        await eventually(judged)
