"""What officers do about terminals: numbers, files, and whose door is whose."""

# ruff: noqa: E501 - lines of terminals read best whole

import datetime as dt
from typing import Any
from uuid import uuid4

from tests.kit.at_the_door import SERIAL, give, punches, register, shown
from tests.kit.attendance import Rig, employee, unit
from tests.kit.terminal import Terminal

AT_DOOR = dt.datetime(2025, 11, 6, 7, 25)  # noqa: DTZ001 - a display's time


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


async def test_who_is_erased_leaves_no_number_behind(rig: Rig, port: int) -> None:
    me = await rig.staff()
    await register(rig)
    await give(rig, ("1", me, ""), ("2", me, SERIAL))
    await rig.know(None, key=str(me))
    assert await rig.count("terminal_pin") == 0
    terminal = Terminal(SERIAL, port)
    terminal.tap("1", AT_DOOR)
    assert (await terminal.send()).ok
    assert (await shown(rig))["waiting"] == {"unknown_pin": 1}


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
