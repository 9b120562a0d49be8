"""Evidence of place: looked at after the fact, asked of superiors, and changing nothing until one decides."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from services.attendance.store import flags as store
from services.attendance.tasks import flags as task
from tests.conftest import DatabaseFor
from tests.kit.attendance import DAY, Rig, attendance, employee, plan, unit, wib

AT_DESK = {"lat": -6.238317, "lon": 106.975642, "accuracy_m": 8.3}
BANDUNG = {"lat": -6.914744, "lon": 107.60981, "accuracy_m": 12.1}
REASON = "Saya melihatnya di loket pagi itu"


@pytest_asyncio.fixture
async def rig(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Rig]:
    async with attendance(await database_for("attendance"), tmp_path) as running:
        yield running


class Office:
    """A head of the OPD, a supervisor of three people, and a deputy who is one of these."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.head, self.boss, self.deputy, self.siti, self.rudi = (uuid4() for _ in range(5))
        self.staff = (self.deputy, self.siti, self.rudi)

    async def open(self, days: int = 1) -> "Office":
        of_boss = {"supervisor_id": self.boss}
        await self.rig.know(
            unit(),
            unit("lain", opd_code="DISDIK"),
            employee(self.head, heads=["DISDUKCAPIL"]),
            employee(self.boss, supervisor_id=self.head),
            employee(self.deputy, **of_boss),
            employee(self.siti, acting_supervisor_id=self.deputy, **of_boss),
            employee(self.rudi, **of_boss),
            *(plan(who, DAY + timedelta(days=day)) for who in (self.boss, *self.staff) for day in range(days)),
        )
        return self

    async def in_at(self, who: UUID, at: str, **body: Any) -> dict[str, Any]:
        self.rig.clock.set(wib(at))
        answer = await self.rig.punch(who, **{"position": AT_DESK, **body})
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def flags(self, who: UUID, role: Any = "supervisor", opd: str | None = None, **asked: str) -> list[Any]:
        answer = await self.rig.client.get(
            "/attendance/v1/flags", params=asked, headers=self.rig.token(role, who, opd)
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]

    async def mine(self, who: UUID) -> list[Any]:
        answer = await self.rig.client.get("/attendance/v1/me/flags", headers=self.rig.token("staff", who))
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]

    async def decide(
        self, who: UUID, flag_id: str, role: Any = "supervisor", opd: str | None = None, **body: Any
    ) -> httpx.Response:
        given = {"decision": "dismissed", "reason": REASON, **body}
        return await self.rig.client.post(
            f"/attendance/v1/flags/{flag_id}/decision", json=given, headers=self.rig.token(role, who, opd)
        )


@pytest_asyncio.fixture
async def office(rig: Rig) -> Office:
    return await Office(rig).open()


async def look(rig: Rig) -> int:
    """The task's work until nothing is left."""
    judged = 0
    while now := await task.look(rig.service):
        judged += now
    return judged


async def test_signals_and_the_address_are_kept_and_cost_no_check_in(rig: Rig) -> None:
    me = await rig.staff()
    cases: list[tuple[Any, bool | None, list[str]]] = [
        ({"mock": True}, True, []),
        ({"mock": False, "accuracy_m": 4.5, "provider": "fused"}, False, []),
        ({"mock": None}, None, []),
        ({}, None, []),
        (None, None, []),
        ({"mock": "yes"}, None, ["bad_signals"]),
        ({"mock": 1}, None, ["bad_signals"]),
        ([], None, ["bad_signals"]),
        ("mock", None, ["bad_signals"]),
    ]
    for signals, mock, flags in cases:
        body: dict[str, Any] = {"punch_id": str(uuid4()), "position": AT_DESK, "signals": signals}
        first = await rig.punch(me, **body)
        assert (first.status_code, first.json()["flags"]) == (201, flags)
        async with rig.db.read() as tx:
            query = "select mock, host(address) from punch where punch_id = $1"
            row = await tx.connection.fetchrow(query, UUID(body["punch_id"]))
        assert row is not None
        assert list(row.values()) == [mock, "127.0.0.1"]
        for other in (signals, None, {"mock": not mock}, 7):
            again = await rig.punch(me, **body | {"signals": other})
            assert (again.status_code, again.content) == (200, first.content)
    assert "mock" not in json.dumps(await rig.outbox())


async def test_where_a_batch_is_handed_over_says_nothing_of_its_punches(rig: Rig) -> None:
    me = await rig.staff()
    body = {
        "punch_id": str(uuid4()),
        "kind": "in",
        "device_at": "2025-11-06T07:20:00+07:00",
        "position": None,
        "signals": {"mock": True},
    }
    answer = await rig.client.post(
        "/attendance/v1/punches/batch", json={"punches": [body]}, headers=rig.token("staff", me)
    )
    assert answer.json()["items"][0]["status"] == 201
    async with rig.db.read() as tx:
        row = await tx.connection.fetchrow("select mock, address from punch")
    assert row is not None
    assert list(row.values()) == [True, None]


async def test_a_check_in_is_judged_by_the_task_alone_and_only_once(office: Office) -> None:
    receipt = await office.in_at(office.siti, "2025-11-06T07:25", signals={"mock": True})
    assert receipt["flags"] == []
    assert await office.flags(office.boss) == []
    before = await office.rig.outbox()
    assert await look(office.rig) == 1
    assert await look(office.rig) == 0
    (flag,) = await office.flags(office.boss)
    assert (flag["kind"], flag["state"], flag["employee_id"]) == ("mock", "open", str(office.siti))
    assert (flag["work_date"], flag["may_decide"], flag["decision"]) == ("2025-11-06", True, None)
    assert flag["due_at"] == "2025-11-11T17:00:00Z"  # Thursday; Friday, Monday, Tuesday are over
    assert flag["punches"] == [
        {"punch_id": receipt["punch_id"], "kind": "in", "at": receipt["at"], "zone": "office"}
    ]
    assert "aplikasi" in flag["told"]
    assert await office.rig.outbox() == before  # a flag changes nothing


async def test_a_flag_is_told_in_english_to_who_asks_so(office: Office) -> None:
    await office.in_at(office.siti, "2025-11-06T07:25", signals={"mock": True})
    await look(office.rig)
    office.rig.headers["accept-language"] = "en"
    (flag,) = await office.flags(office.boss)
    assert flag["told"] == "The phone says that the position of this punch was made by an app."


async def test_the_same_coordinates_of_three_people_are_asked_of_each_once(office: Office) -> None:
    for minute, who in enumerate(office.staff):
        await office.in_at(who, f"2025-11-06T07:{20 + minute}")
        await look(office.rig)
    await office.in_at(office.rudi, "2025-11-06T16:05", kind="out")
    await look(office.rig)
    flags = await office.flags(office.boss, kind="same_position_people")
    assert {flag["employee_id"] for flag in flags} == {str(who) for who in office.staff}
    for flag in flags:
        assert (flag["evidence"]["people"], flag["evidence"]["days"]) == (3, 1)
        assert {one["employee_id"] for one in flag["evidence"]["beside"]} <= {str(who) for who in office.staff}
    of_rudi = [flag for flag in flags if flag["employee_id"] == str(office.rudi)]
    assert [len(flag["punches"]) for flag in of_rudi] == [2]
    assert not any(word in json.dumps(flags) for word in ("lat", "238317", "975642"))


async def test_whoever_sees_one_of_two_people_learns_nothing_of_the_other(office: Office) -> None:
    stranger = uuid4()
    await office.rig.know(employee(stranger, opd_code="DISDIK", unit_id="lain", supervisor_id=uuid4()))
    counted = {"device_id": "phone", "boot_id": "b", "elapsed_ms": 1, "sequence": 1}
    await office.in_at(stranger, "2025-11-06T07:10", device=counted, position=None)
    await office.in_at(office.siti, "2025-11-06T07:25", device=counted, position=None)
    await look(office.rig)
    (flag,) = await office.flags(office.boss)
    (own,) = await office.mine(office.siti)
    for shown in (flag, own):
        assert shown["kind"] == "shared_device"
        assert shown["evidence"]["people"] == 2
        assert shown["evidence"]["beside"] == [{"punch_id": None, "employee_id": None, "work_date": "2025-11-06"}]
        assert str(stranger) not in json.dumps(shown)
        assert "phone" not in json.dumps(shown)
    assert own["may_decide"] is False
    (whole,) = await office.flags(uuid4(), "bkpsdm", employee_id=str(office.siti))
    assert whole["evidence"]["beside"][0]["employee_id"] == str(stranger)


async def test_a_journey_and_a_habit_are_found_over_days(rig: Rig) -> None:
    office = await Office(rig).open(days=3)
    for day in range(3):
        date = DAY + timedelta(days=day)
        await office.in_at(office.siti, f"{date}T07:25")
        await look(rig)
    await office.in_at(office.rudi, "2025-11-06T07:20", position=AT_DESK | {"lat": -6.238399})
    await office.in_at(office.rudi, "2025-11-06T07:50", position=BANDUNG)
    await look(rig)
    flags = {(flag["kind"], flag["employee_id"]): flag for flag in await office.flags(office.boss)}
    habit = flags["same_position_days", str(office.siti)]
    assert (habit["work_date"], habit["evidence"]["days"]) == ("2025-11-08", 3)
    assert len(habit["evidence"]["beside"]) == 2
    journey = flags["impossible_speed", str(office.rudi)]
    assert (journey["evidence"]["km"], journey["evidence"]["minutes"]) == (103, 30)
    assert "206 km/jam" in journey["told"]
    assert len(flags) == 2


async def test_a_habit_is_not_asked_for_again_while_it_waits_nor_once_it_is_dismissed(rig: Rig) -> None:
    office = await Office(rig).open(days=5)
    for day in range(4):
        await office.in_at(office.siti, f"{DAY + timedelta(days=day)}T07:25")
        await look(rig)
    (flag,) = await office.flags(office.boss)
    assert flag["work_date"] == "2025-11-08"
    answer = await office.decide(office.boss, flag["flag_id"])
    assert (answer.status_code, answer.json()["state"]) == (200, "dismissed")
    await office.in_at(office.siti, "2025-11-10T07:25")
    await look(rig)
    assert await office.flags(office.boss) == []
    # What one punch shows by itself is asked each time.
    for day in (9, 10):
        await office.in_at(office.siti, f"2025-11-{day:02}T07:26", signals={"mock": True}, position=None)
    await look(rig)
    assert [flag["kind"] for flag in await office.flags(office.boss)] == ["mock", "mock"]


async def network(rig: Rig, role: Any, cidr: str, opd_code: str, unit_id: str | None = None, **more: Any) -> Any:
    body = {"network": cidr, "opd_code": opd_code, "unit_id": unit_id, "name": "Kantor", "reason": "uji coba"}
    return await rig.client.put(
        f"/attendance/v1/networks/{more.get('id', uuid4())}",
        json=body,
        headers=rig.token(role, opd=more.get("opd")),
    )


async def test_an_offices_network_speaks_for_a_person_and_against_and_locks_nobody_out(office: Office) -> None:
    assert (await network(office.rig, "bkpsdm", "127.0.0.0/8", "DISDUKCAPIL")).status_code == 201
    await office.in_at(office.siti, "2025-11-06T07:25", position=BANDUNG, signals={"mock": True})
    await office.in_at(office.rudi, "2025-11-06T07:26")
    await look(office.rig)
    flags = {flag["kind"]: flag for flag in await office.flags(office.boss)}
    assert set(flags) == {"mock", "network"}
    assert flags["network"]["employee_id"] == flags["mock"]["employee_id"] == str(office.siti)
    assert flags["mock"]["evidence"]["network"] == "own"
    assert flags["mock"]["told"].endswith("lewat jaringan kantor yang bersangkutan.")
    assert "di tempat lain" in flags["network"]["told"]


async def test_another_offices_network_contradicts_a_position_at_the_office(office: Office) -> None:
    await network(office.rig, "bkpsdm", "127.0.0.0/8", "DISDIK", "lain")
    await office.in_at(office.siti, "2025-11-06T07:25")
    await look(office.rig)
    (flag,) = await office.flags(office.boss)
    assert (flag["kind"], flag["evidence"]["network"]) == ("network", "other")


async def test_networks_are_their_officers_to_name_alter_and_take_away(office: Office) -> None:
    rig, id = office.rig, uuid4()
    admin = {"role": "opd_admin", "opd": "DISDUKCAPIL"}
    assert (await network(rig, **admin, cidr="10.2.0.0/16", opd_code="DISDUKCAPIL", id=id)).status_code == 201
    assert (await network(rig, **admin, cidr="10.3.0.0/16", opd_code="DISDUKCAPIL", id=id)).status_code == 200
    for wrong, field in (
        ({"opd_code": "DISDIK"}, "opd_code"),
        ({"opd_code": "DISDUKCAPIL", "unit_id": "lain"}, "unit_id"),
        ({"opd_code": "DISDUKCAPIL", "cidr": "10.2.0.1/16"}, "network"),
    ):
        refused = await network(rig, **{**admin, "cidr": "10.2.0.0/16", **wrong})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
    other = rig.token("opd_admin", opd="DISDIK")
    mine = rig.token("opd_admin", opd="DISDUKCAPIL")
    assert (await rig.client.get("/attendance/v1/networks", headers=other)).json()["items"] == []
    (shown,) = (await rig.client.get("/attendance/v1/networks", headers=mine)).json()["items"]
    assert shown["network"] == "10.3.0.0/16"
    removal = f"/attendance/v1/networks/{id}/removal"
    for who, status in ((other, 404), (mine, 200), (mine, 404)):
        answer = await rig.client.post(removal, json={"reason": "pindah kantor"}, headers=who)
        assert answer.status_code == status
    audit = await rig.client.get(
        "/attendance/v1/audit", params={"action": "network"}, headers=rig.token("auditor")
    )
    assert [entry["action"] for entry in audit.json()["items"]] == [
        "network.removed",
        "network.set",
        "network.set",
    ]


async def test_a_zone_that_is_vouched_for_stands_in_place_of_the_measured_one(office: Office) -> None:
    receipt = await office.in_at(office.siti, "2025-11-06T07:25", position=BANDUNG, signals={"mock": True})
    assert receipt["zone"] == "elsewhere"
    await look(office.rig)
    (flag,) = await office.flags(office.boss)
    office.rig.clock.set(wib("2025-11-06T16:30"))
    body = {"decision": "vouched", "zone": "office"}
    decided = await office.decide(office.boss, flag["flag_id"], **body)
    assert (decided.status_code, decided.json()["state"]) == (200, "vouched")
    again = await office.decide(office.boss, flag["flag_id"], **body)
    assert (again.status_code, again.json()) == (200, decided.json())
    (_, first), (void_topic, void), (topic, stands) = await office.rig.outbox()
    assert (void_topic, void["punch_id"], void["reason"]) == ("attendance.voided.v1", receipt["punch_id"], REASON)
    assert (topic, stands["zone"], stands["flags"]) == ("attendance.recorded.v1", "office", ["vouched"])
    same = set(first) - {"punch_id", "zone", "flags"}
    assert {name: stands[name] for name in same} == {name: first[name] for name in same}
    retried = await office.rig.punch(
        office.siti, punch_id=receipt["punch_id"], position=BANDUNG, signals={"mock": True}
    )
    assert (retried.status_code, retried.json()) == (200, receipt)
    # The person sees both, and what was decided about them, by whom and why.
    (own,) = await office.mine(office.siti)
    assert own["decision"] == {
        "decision": "vouched",
        "zone": "office",
        "reason": REASON,
        "decided_at": "2025-11-06T09:30:00Z",
        "decided_by": str(office.boss),
    }
    audit = await office.rig.client.get("/attendance/v1/audit", headers=office.rig.token("auditor"))
    entry, voided = audit.json()["items"]
    assert (entry["action"], entry["subject"], entry["reason"]) == ("flag.vouched", flag["flag_id"], REASON)
    assert list(entry["detail"]["corrected"]) == [voided["subject"]] == [receipt["punch_id"]]
    assert await office.flags(office.boss) == []
    assert len(await office.flags(office.boss, state="vouched")) == 1
    # What stands in its place is no new question.
    await look(office.rig)
    assert await office.flags(office.boss) == []


async def test_vouching_for_a_place_vouches_for_no_time(office: Office) -> None:
    body = {
        "punch_id": str(uuid4()),
        "kind": "in",
        "device_at": "2025-11-06T07:20:00+07:00",
        "position": BANDUNG,
        "signals": {"mock": True},
    }
    office.rig.clock.set(wib("2025-11-06T12:00"))
    await office.rig.client.post(
        "/attendance/v1/punches/batch",
        json={"punches": [body]},
        headers=office.rig.token("staff", office.siti),
    )
    await look(office.rig)
    (flag,) = await office.flags(office.boss)
    await office.decide(office.boss, flag["flag_id"], decision="vouched", zone="office")
    stands = (await office.rig.outbox())[-1][1]
    assert (stands["zone"], stands["time_trust"], stands["source"]) == ("office", "unverified", "offline")
    assert stands["flags"] == ["clock_unverified", "vouched"]


@pytest.mark.parametrize(
    "body",
    [
        {"decision": "dismissed"},
        {"decision": "unproven"},
        {"decision": "vouched", "zone": "office"},  # as it was measured
    ],
)
async def test_no_other_decision_changes_a_record(office: Office, body: dict[str, str]) -> None:
    await office.in_at(office.siti, "2025-11-06T07:25", signals={"mock": True})
    await look(office.rig)
    before = await office.rig.outbox()
    (flag,) = await office.flags(office.boss)
    assert (await office.decide(office.boss, flag["flag_id"], **body)).status_code == 200
    assert await office.rig.outbox() == before
    refused = await office.decide(office.boss, flag["flag_id"], decision="vouched", zone="elsewhere")
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "flag.decided")


async def test_who_decides_and_who_does_not(office: Office) -> None:
    for who in (office.siti, office.deputy):
        await office.in_at(who, "2025-11-06T07:25", signals={"mock": True}, position=None)
    await look(office.rig)
    by_person = {flag["employee_id"]: flag["flag_id"] for flag in await office.flags(office.boss)}
    of_siti, of_deputy = by_person[str(office.siti)], by_person[str(office.deputy)]
    admin = {"role": "opd_admin", "opd": "DISDUKCAPIL"}

    async def refused(who: UUID, flag_id: str, status: int, code: str, **as_: Any) -> None:
        answer = await office.decide(who, flag_id, **as_)
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (status, code)

    await refused(office.siti, of_siti, 403, "flag.own", role="staff")
    await refused(office.rudi, of_siti, 404, "flag.not_found", role="staff")
    await refused(uuid4(), of_siti, 404, "flag.not_found", role="opd_admin", opd="DISDIK")
    await refused(office.boss, str(uuid4()), 404, "flag.not_found")
    await refused(office.head, of_siti, 403, "flag.waits_for_superior")
    await refused(uuid4(), of_siti, 403, "flag.waits_for_superior", **admin)
    await refused(uuid4(), of_siti, 403, "flag.waits_for_superior", role="bkpsdm")
    (shown,) = [flag for flag in await office.flags(office.head) if flag["flag_id"] == of_siti]
    assert shown["may_decide"] is False
    # The deputy decides as the supervisor does, but not on their own.
    assert [flag["may_decide"] for flag in await office.flags(office.deputy, "staff")] == [True]
    await refused(office.deputy, of_deputy, 403, "flag.own", role="staff")
    assert (await office.decide(office.deputy, of_siti, "staff")).status_code == 200
    # After three working days it is the next one's up, too.
    office.rig.clock.set(wib("2025-11-12T00:00"))
    (shown,) = await office.flags(office.head)
    assert (shown["flag_id"], shown["may_decide"]) == (of_deputy, True)
    assert (await office.decide(uuid4(), of_deputy, **admin)).status_code == 200


async def test_nobody_decides_on_what_they_are_part_of_themselves(office: Office) -> None:
    counted = {"device_id": "phone", "boot_id": "b", "elapsed_ms": 1, "sequence": 1}
    for who in (office.boss, office.siti, office.rudi):
        await office.in_at(who, "2025-11-06T07:25", device=counted, position=None)
    await look(office.rig)
    by_person = {flag["employee_id"]: flag for flag in await office.flags(office.head)}
    of_siti, of_rudi = by_person[str(office.siti)], by_person[str(office.rudi)]
    # Rudi has nobody but his supervisor, who is in it; Siti's deputy is not.
    assert (of_siti["may_decide"], of_rudi["may_decide"]) == (False, True)
    for flag in await office.flags(office.boss):
        assert flag["may_decide"] is False
        refused = await office.decide(office.boss, flag["flag_id"])
        assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (403, "flag.involved")
    assert (await office.decide(office.head, of_rudi["flag_id"])).status_code == 200


async def test_who_joins_a_flag_later_is_part_of_it(office: Office) -> None:
    counted = {"device_id": "phone", "boot_id": "b", "elapsed_ms": 1, "sequence": 1}
    for minute, who in enumerate((office.siti, office.rudi, office.boss)):
        await office.in_at(who, f"2025-11-06T07:{25 + minute}", device=counted, position=None)
        await look(office.rig)
    (of_siti,) = [flag for flag in await office.flags(office.head) if flag["employee_id"] == str(office.siti)]
    assert of_siti["evidence"]["people"] == 3
    refused = await office.decide(office.boss, of_siti["flag_id"])
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (403, "flag.involved")


async def test_two_processes_look_at_each_punch_once_and_one_goes_on_where_another_ended(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = office.rig
    for minute in range(6):
        await office.in_at(office.siti, f"2025-11-06T07:{10 + minute}", signals={"mock": True}, position=None)
    async with rig.db.transaction() as tx:  # another process is at it
        assert await store.alone(tx)
        assert await task.look(rig.service) == 0
    with monkeypatch.context() as broken:  # it ends in the middle, and nothing of it stays
        broken.setattr(store, "put", AsyncMock(side_effect=ConnectionAbortedError))
        with pytest.raises(ConnectionAbortedError):
            await task.look(rig.service)
    assert sum(await asyncio.gather(*(task.look(rig.service) for _ in range(4)))) == 6
    (flag,) = await office.flags(office.boss)
    assert len(flag["punches"]) == 6
    told = (await rig.client.get("/attendance/metrics")).text
    assert "hadir_punches_judged_total 6.0" in told
    assert 'hadir_flags_raised_total{kind="mock"} 6.0' in told


async def test_pages_of_flags_follow_each_other_and_a_forged_cursor_is_refused(office: Office) -> None:
    for minute, who in enumerate(office.staff):
        await office.in_at(who, f"2025-11-06T07:{10 + minute}", signals={"mock": True}, position=None)
        await look(office.rig)
    headers = office.rig.token("supervisor", office.boss)
    found: list[str] = []
    cursor = None
    for _ in range(3):
        asked = {"limit": "1"} | ({"cursor": cursor} if cursor else {})
        page = (await office.rig.client.get("/attendance/v1/flags", params=asked, headers=headers)).json()
        found += [item["employee_id"] for item in page["items"]]
        cursor = page["next"]
    assert found == [str(who) for who in office.staff]
    assert cursor is None
    for wrong in ({"cursor": "x"}, {"state": "guilty"}, {"kind": "gps"}, {"limit": "0"}):
        answer = await office.rig.client.get("/attendance/v1/flags", params=wrong, headers=headers)
        assert answer.status_code == 422


async def test_who_is_erased_leaves_no_flag_and_is_in_nobody_elses(office: Office) -> None:
    counted = {"device_id": "phone", "boot_id": "b", "elapsed_ms": 1, "sequence": 1}
    for who in (office.siti, office.rudi):
        await office.in_at(who, "2025-11-06T07:25", device=counted, signals={"mock": True})
    await look(office.rig)
    await office.rig.know(None, key=str(office.siti))
    left = await office.flags(office.boss)
    assert {flag["employee_id"] for flag in left} == {str(office.rudi)}
    assert str(office.siti) not in json.dumps(left)
    async with office.rig.db.read() as tx:
        rows = await tx.connection.fetch("select t::text as row from flag t")
        gone = await tx.connection.fetchrow(
            "select lat, address, mock, device_id from punch where employee_id = $1", office.siti
        )
    assert not any(str(office.siti) in row["row"] for row in rows)
    assert gone is not None
    assert set(gone.values()) == {None}
