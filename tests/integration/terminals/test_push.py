"""Terminals over real HTTP, in the bytes that their firmware writes: none of what is tapped is lost or double."""

# ruff: noqa: E501 - lines of terminals read best whole

import asyncio
import contextlib
import datetime as dt
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from deploy.local.front import Front, Proxy, proxy_client
from tests.conftest import DatabaseFor
from tests.kit.at_the_door import SERIAL, give, listening, punches, register, replay, shown
from tests.kit.attendance import HOME, OFFICE, Rig, attendance, employee, plan, unit, wib
from tests.kit.kafka import eventually, message, produce
from tests.kit.reporting import running
from tests.kit.terminal import CutError, Terminal

AT_DOOR = dt.datetime(2025, 11, 6, 7, 25)  # noqa: DTZ001 - a display's time


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
    metrics = (await rig.client.get("/attendance/metrics")).text
    assert 'hadir_http_requests_total{method="GET",route="/iclock/cdata",status="200"} 1.0' in metrics
    assert 'route="/iclock/{rest:path}",status="404"' in metrics


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
    # Firmware that gives up waiting sends the same once more while the first is still at work.
    hasty = [Terminal(SERIAL, port) for _ in range(3)]
    for one in hasty:
        one.memory = [f"{number:04}\t2025-11-06 07:24:{number % 60:02}\t1\t1" for number in range(300)]
    assert all(answer.ok for answer in await asyncio.gather(*(one.send() for one in hasty)))
    assert len(await punches(rig)) == len(await rig.outbox()) == 801
    again = Terminal(SERIAL, port)
    await again.introduce()
    assert again.options["Stamp"] == str(hasty[0].stamp)


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


async def test_what_comes_again_is_judged_as_of_when_it_first_came(rig: Rig, port: int) -> None:
    me, other = await rig.staff(), await rig.staff()
    await register(rig)
    await give(rig, ("1", me, ""))
    terminal = Terminal(SERIAL, port)
    terminal.tap("2", AT_DOOR)
    assert (await terminal.send()).ok
    fast = [terminal.tap("1", AT_DOOR + dt.timedelta(minutes=20))]
    assert (await terminal.send()).ok
    assert (await shown(rig))["waiting"] == {"unknown_pin": 1, "future": 1}
    # Its time has come meanwhile, and it is as false as before.
    rig.clock.set(wib("2025-11-06T10:00"))
    terminal.memory = fast
    assert (await terminal.send()).ok
    assert (await shown(rig))["waiting"] == {"unknown_pin": 1, "future": 1}
    # The clock was right when the other one tapped: that holds however late their number is known.
    rig.clock.set(wib("2025-11-14T10:00"))
    await give(rig, ("2", other, ""))
    assert (await replay(rig))["recorded"] == 1
    (theirs,) = await punches(rig)
    assert (theirs["employee_id"], theirs["time_trust"]) == (other, "verified")
    assert (theirs["at"], theirs["received_at"]) == (wib("2025-11-06T07:25"), wib("2025-11-06T07:25"))


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
    async with (
        attendance(await database_for("attendance"), tmp_path, kafka=kafka, at="2025-11-06T07:26") as rig,
        listening(rig.app) as port,
        running(kafka, await database_for("reporting"), tmp_path, wib("2025-11-06T09:00")) as reporting,
        reporting.caller("bkpsdm") as officer,
    ):
        await produce(kafka, [message(event) for event in said])

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
