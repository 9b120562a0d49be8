"""What staff ask for of their own record, who decides, and what a decision does."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from shared.access import Role
from tests.conftest import DatabaseFor
from tests.kit.attendance import AT_SEA, DAY, Rig, attendance, employee, plan, unit

REASON = "lupa menekan tombol masuk"
OPD, UNIT = "DISDUKCAPIL", "disdukcapil.loket"
WORK_DATE = str(DAY)


@pytest_asyncio.fixture
async def rig(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Rig]:
    async with attendance(await database_for("attendance"), tmp_path, at="2025-11-06T17:00") as running:
        yield running


class Team:
    """Somebody, their superior, the deputy, and who heads the OPD."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.me, self.boss, self.deputy, self.head = (uuid4() for _ in range(4))

    async def known(self) -> "Team":
        await self.rig.know(
            unit(),
            employee(self.me, supervisor_id=self.boss, acting_supervisor_id=self.deputy),
            employee(self.boss, supervisor_id=self.head),
            employee(self.deputy),
            employee(self.head, heads=[OPD]),
            plan(self.me),
        )
        return self

    async def ask(self, *, who: UUID | None = None, **body: Any) -> httpx.Response:
        given = {"request_id": str(uuid4()), "reason": REASON, **body}
        headers = self.rig.token("staff", who or self.me)
        return await self.rig.client.post("/attendance/v1/requests", json=given, headers=headers)

    async def missed(self, **body: Any) -> httpx.Response:
        return await self.ask(**{**MISSED, **body})

    async def asked(self, **body: Any) -> str:
        answer = await self.missed(**body) if "kind" not in body else await self.ask(**body)
        assert answer.status_code == 201, answer.text
        return answer.json()["request_id"]

    async def decide(
        self,
        request_id: str,
        decision: str = "granted",
        *,
        by: UUID | None = None,
        role: Role = "staff",
        opd: str | None = None,
        **more: Any,
    ) -> httpx.Response:
        body = {"decision": decision, "reason": "sesuai buku tamu", **more}
        return await self.rig.client.post(
            f"/attendance/v1/requests/{request_id}/decision",
            json=body,
            headers=self.rig.token(role, by or self.boss, opd),
        )

    async def withdraw(self, request_id: str, *, by: UUID | None = None, **how: Any) -> httpx.Response:
        path = f"/attendance/v1/requests/{request_id}/withdrawal"
        return await self.rig.client.post(path, headers=self.rig.token("staff", by or self.me), **how)

    async def get(self, path: str, who: UUID, role: Role = "staff", opd: str | None = None) -> httpx.Response:
        return await self.rig.client.get(f"/attendance/v1/{path}", headers=self.rig.token(role, who, opd))

    async def waiting(self, who: UUID, role: Role = "staff", opd: str | None = None) -> list[str]:
        answer = await self.get("requests?state=open", who, role, opd)
        return [one["request_id"] for one in answer.json()["items"]]

    async def day(self) -> list[dict[str, Any]]:
        return (await self.get(f"me/punches?date={WORK_DATE}", self.me)).json()["items"]


MISSED: dict[str, Any] = {
    "kind": "missed_punch",
    "work_date": WORK_DATE,
    "punches": [{"kind": "in", "at": "2025-11-06T07:20:00+07:00", "zone": "office"}],
}


@pytest_asyncio.fixture
async def team(rig: Rig) -> Team:
    return await Team(rig).known()


async def test_a_missed_punch_that_is_granted_is_recorded_and_published(team: Team) -> None:
    asked = (await team.missed(evidence_id="0192f1d4-7c1e-7b57-9d43-0a6f3c6f1c55")).json()
    assert (asked["state"], asked["employee_id"], asked["kind"]) == ("open", str(team.me), "missed_punch")
    assert asked["review_due"] == "2025-11-11T17:00:00Z"
    assert await team.rig.outbox() == []
    granted = (await team.decide(asked["request_id"])).json()
    assert (granted["state"], granted["decided_by"], granted["answer"]) == (
        "granted",
        str(team.boss),
        "sesuai buku tamu",
    )
    (topic, value), _ = await team.rig.outbox()
    assert (topic, value["kind"], value["at"]) == ("attendance.recorded.v1", "in", "2025-11-06T00:20:00Z")
    assert (value["zone"], value["flags"], value["source"]) == ("office", ["vouched"], "manual")
    assert (value["work_date"], value["time_trust"]) == (WORK_DATE, "server")
    (punch,) = await team.day()
    assert punch["punch_id"] == value["punch_id"]


async def test_a_day_without_a_line_is_asked_for_with_both_punches(team: Team) -> None:
    punches = [
        {"kind": "in", "at": "2025-11-06T07:20:00+07:00"},
        {"kind": "out", "at": "2025-11-06T16:05:00+07:00"},
    ]
    await team.decide(await team.asked(kind="own_line", work_date=WORK_DATE, punches=punches))
    assert [(one["kind"], one["zone"]) for one in await team.day()] == [("in", "unknown"), ("out", "unknown")]


async def test_a_wrong_key_is_voided_and_recorded_as_the_other(team: Team) -> None:
    punch = (await team.rig.punch(team.me, kind="out")).json()
    await team.decide(await team.asked(kind="wrong_key", punch_id=punch["punch_id"]))
    assert [(one["kind"], one["at"], one["void"] is None) for one in await team.day()] == [
        ("in", punch["at"], True),
        ("out", punch["at"], False),
    ]
    assert [topic for topic, _ in await team.rig.outbox()] == [
        "attendance.recorded.v1",
        "attendance.voided.v1",
        "attendance.recorded.v1",
        "correction.decided.v1",
    ]


async def test_a_wrong_place_is_vouched_for(team: Team) -> None:
    punch = (await team.rig.punch(team.me, position=AT_SEA)).json()
    assert punch["zone"] == "elsewhere"
    same = await team.ask(kind="wrong_place", punch_id=punch["punch_id"], zone="elsewhere")
    assert (same.status_code, same.json()["errors"][0]["field"]) == (422, "zone")
    await team.decide(await team.asked(kind="wrong_place", punch_id=punch["punch_id"], zone="office"))
    counts = [one for one in await team.day() if one["void"] is None]
    assert [(one["zone"], one["flags"], one["at"]) for one in counts] == [("office", ["vouched"], punch["at"])]


async def test_an_appeal_is_granted_by_what_was_asked_or_by_what_the_decider_says(team: Team) -> None:
    asked = await team.asked(**{**MISSED, "kind": "appeal", "duty": "on_time"})
    await team.decide(asked)
    late = {"kind": "in", "at": "2025-11-06T07:40:00+07:00"}
    open_ended = await team.asked(kind="appeal", work_date=WORK_DATE, duty="place")
    nothing = await team.decide(open_ended)
    assert (nothing.status_code, nothing.json()["errors"][0]["field"]) == (422, "punches")
    first = (await team.day())[0]
    done = await team.decide(open_ended, punches=[late], voids=[first["punch_id"]])
    assert done.json()["state"] == "granted"
    assert [(one["at"], one["void"] is None) for one in await team.day()] == [
        ("2025-11-06T00:20:00Z", False),
        ("2025-11-06T00:40:00Z", True),
    ]


async def test_a_decider_brings_corrections_to_granted_appeals_only(team: Team) -> None:
    late = {"kind": "in", "at": "2025-11-06T07:40:00+07:00"}
    answer = await team.decide(await team.asked(), punches=[late])
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "punches")
    appeal = await team.asked(kind="appeal", work_date=WORK_DATE, duty="hours")
    assert (await team.decide(appeal, "refused", punches=[late])).status_code == 422
    assert await team.rig.count("punch") == 0


async def test_what_is_refused_changes_nothing_but_the_request(team: Team) -> None:
    request_id = await team.asked()
    refused = (await team.decide(request_id, "refused")).json()
    assert (refused["state"], refused["answer"]) == ("refused", "sesuai buku tamu")
    assert ([topic for topic, _ in await team.rig.outbox()], await team.rig.count("punch")) == (
        ["correction.decided.v1"],
        0,
    )
    assert (await team.get("requests?state=refused", team.boss)).json()["items"] == [refused]
    assert (await team.get("requests?state=granted", team.boss)).json()["items"] == []
    assert (await team.get("me/requests", team.me)).json()["items"] == [refused]


async def test_each_decision_is_published_once_without_its_words_for_who_asked(team: Team) -> None:
    punch = (await team.rig.punch(team.me, position=AT_SEA)).json()
    granted = await team.asked()
    refused = await team.asked(kind="wrong_place", punch_id=punch["punch_id"], zone="office")
    await team.withdraw(await team.asked(kind="appeal", work_date=WORK_DATE, duty="hours"))
    for _ in range(2):
        await team.decide(granted)
        await team.decide(refused, "refused")
    decided = [value for topic, value in await team.rig.outbox() if topic == "correction.decided.v1"]
    assert [(one["request_id"], one["kind"], one["state"], one["work_date"]) for one in decided] == [
        (granted, "missed_punch", "granted", WORK_DATE),
        (refused, "wrong_place", "refused", WORK_DATE),
    ]
    assert {(one["employee_id"], one["revision"]) for one in decided} == {(str(team.me), 1)}
    assert not any("sesuai buku tamu" in value for one in decided for value in one.values() if value != 1)


async def test_of_many_who_decide_at_once_one_wins_and_the_others_are_told(team: Team) -> None:
    request_id = await team.asked()
    both = [(team.boss, "granted"), (team.deputy, "refused")] * 4
    answers = await asyncio.gather(*(team.decide(request_id, how, by=by) for by, how in both))
    won = {answer.json()["decided_by"] for answer in answers if answer.status_code == 200}
    lost = [answer for answer in answers if answer.status_code == 409]
    assert (len(won), len(lost)) == (1, 4)
    assert {answer.json()["type"] for answer in lost} == {"urn:hadir:problem:request.decided"}
    assert await team.rig.count("audit where action in ('request.granted', 'request.refused')") == 1
    assert await team.rig.count("punch") <= 1


async def test_the_same_request_again_is_the_same_and_another_by_its_id_is_refused(team: Team) -> None:
    request_id = str(uuid4())
    first = await team.missed(request_id=request_id)
    again = await team.missed(request_id=request_id)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    other = await team.missed(request_id=request_id, reason="alasan lain")
    assert (other.status_code, other.json()["errors"][0]["field"]) == (409, "request_id")
    foreign = await team.missed(request_id=request_id, who=team.boss)
    assert foreign.status_code == 409
    await team.decide(request_id)
    assert (await team.missed(request_id=request_id)).json()["state"] == "granted"
    assert await team.rig.count("audit where action = 'request.asked'") == 1


async def test_a_double_tap_asks_once(team: Team) -> None:
    request_id = str(uuid4())
    answers = await asyncio.gather(*(team.missed(request_id=request_id) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    apart = await asyncio.gather(*(team.missed(work_date="2025-11-05", punches=EARLIER) for _ in range(4)))
    assert sorted(answer.status_code for answer in apart) == [201, 409, 409, 409]


EARLIER = [{"kind": "in", "at": "2025-11-05T07:20:00+07:00"}]


async def test_two_open_requests_about_the_same_are_one_too_many(team: Team) -> None:
    first = await team.asked()
    again = await team.missed(kind="own_line")
    assert (again.status_code, again.json()["request_id"]) == (409, first)
    out = [{"kind": "out", "at": "2025-11-06T16:05:00+07:00"}]
    assert (await team.missed(punches=out)).status_code == 201
    await team.withdraw(first)
    assert (await team.missed(kind="own_line")).status_code == 201


async def test_so_many_requests_wait_and_no_more(team: Team) -> None:
    for day in range(5):
        date = f"2025-11-0{day + 1}"
        for kind, hour in (("in", 7), ("out", 16)):
            punches = [{"kind": kind, "at": f"{date}T{hour:02}:00:00+07:00"}]
            await team.asked(work_date=date, punches=punches)
        for duty in ("on_time", "place"):
            await team.asked(kind="appeal", work_date=date, duty=duty)
    answer = await team.ask(kind="appeal", work_date=WORK_DATE, duty="hours")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:hadir:problem:request.too_many")


async def test_the_next_one_up_decides_once_it_has_waited(team: Team) -> None:
    request_id = await team.asked()
    assert await team.waiting(team.boss) == await team.waiting(team.deputy) == [request_id]
    upper: list[tuple[UUID, Role, str | None]] = [(team.head, "staff", None), (uuid4(), "opd_admin", OPD)]
    for who, role, opd in upper:
        assert await team.waiting(who, role, opd) == []
        assert (await team.decide(request_id, by=who, role=role, opd=opd)).status_code == 404
        assert (await team.get(f"requests/{request_id}", who, role, opd)).status_code == 404
    team.rig.clock.set(dt.datetime(2025, 11, 11, 17, 0, tzinfo=dt.UTC))
    for who, role, opd in upper:
        assert await team.waiting(who, role, opd) == [request_id]
        shown = (await team.get(f"requests/{request_id}", who, role, opd)).json()
        assert shown["may_decide"] is True
    assert await team.waiting(uuid4(), "opd_admin", "DINKES") == []
    assert (await team.decide(request_id, by=team.head)).json()["decided_by"] == str(team.head)


async def test_nobody_decides_on_their_own_and_strangers_find_nothing(team: Team) -> None:
    request_id = await team.asked()
    assert (await team.decide(request_id, by=team.me)).status_code == 403
    assert (await team.decide(request_id, by=team.me, role="opd_admin", opd=OPD)).status_code == 403
    stranger = uuid4()
    await team.rig.know(employee(stranger))
    for path in (f"requests/{request_id}", f"requests/{uuid4()}"):
        assert (await team.get(path, stranger)).status_code == 404
    assert (await team.decide(request_id, by=stranger)).status_code == 404
    assert (await team.withdraw(request_id, by=stranger)).status_code == 404
    assert await team.waiting(stranger) == await team.waiting(team.me) == []


async def test_asker_and_decider_read_the_trail_and_the_audit_has_each_step(team: Team) -> None:
    request_id = await team.asked()
    await team.decide(request_id)
    for who in (team.me, team.boss):
        shown = (await team.get(f"requests/{request_id}", who)).json()
        assert shown["may_decide"] is False
        assert [(one["step"], one["by"], one["role"], one["reason"]) for one in shown["trail"]] == [
            ("asked", str(team.me), "staff", REASON),
            ("granted", str(team.boss), "staff", "sesuai buku tamu"),
        ]
    log = await team.rig.client.get(
        f"/attendance/v1/audit?subject={request_id}", headers=team.rig.token("auditor")
    )
    granted, asked = log.json()["items"]
    assert (asked["action"], granted["action"]) == ("request.asked", "request.granted")
    (_, value), _ = await team.rig.outbox()
    assert granted["details"]["recorded"] == [value["punch_id"]]


async def test_who_asked_takes_it_back_while_it_is_open(team: Team) -> None:
    request_id = await team.asked()
    first = await team.withdraw(request_id, json={"reason": "sudah jelas"})
    again = await team.withdraw(request_id)
    assert (first.status_code, first.json()["state"], again.json()) == (200, "withdrawn", first.json())
    late = await team.decide(request_id)
    assert (late.status_code, late.json()["type"]) == (409, "urn:hadir:problem:request.withdrawn")
    decided = await team.asked()
    await team.decide(decided, "refused")
    assert (await team.withdraw(decided)).status_code == 409
    assert (await team.withdraw(await team.asked(), content="{")).status_code == 422


async def test_a_record_that_has_changed_since_is_not_corrected_twice(team: Team) -> None:
    punch = (await team.rig.punch(team.me, kind="out")).json()["punch_id"]
    request_id = await team.asked(kind="wrong_key", punch_id=punch)
    void = {"action": "void", "punch_id": punch, "reason": "salah orang"}
    supervisor = team.rig.token("supervisor", team.boss)
    await team.rig.client.post("/attendance/v1/corrections", json=void, headers=supervisor)
    stale = await team.decide(request_id)
    assert (stale.status_code, stale.json()["type"]) == (409, "urn:hadir:problem:request.voided")
    assert (await team.get(f"requests/{request_id}", team.me)).json()["state"] == "open"
    assert (await team.decide(request_id, "refused")).status_code == 200
    again = await team.ask(kind="wrong_key", punch_id=punch)
    assert (again.status_code, again.json()["errors"][0]["field"]) == (409, "punch_id")


async def test_another_persons_punch_looks_as_if_it_were_not_there(team: Team) -> None:
    foreign = (await team.rig.punch(team.boss)).json()["punch_id"]
    for punch_id in (foreign, str(uuid4())):
        assert (await team.ask(kind="wrong_key", punch_id=punch_id)).status_code == 404
        assert (await team.ask(**APPEAL, voids=[punch_id])).status_code == 404
    appeal = await team.asked(**APPEAL)
    assert (await team.decide(appeal, voids=[foreign])).status_code == 404


APPEAL: dict[str, Any] = {"kind": "appeal", "work_date": WORK_DATE, "duty": "on_time"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"reason": "  "}, "reason"),
        ({"reason": "NIP 198704122010121003 lupa"}, "reason"),
        ({"reason": "hubungi 0812-3456-7890"}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"request_id": None}, "request_id"),
        ({"request_id": "1"}, "request_id"),
        ({"evidence_id": ""}, "evidence_id"),
        ({"evidence_id": "x" * 101}, "evidence_id"),
        ({"work_date": "2025-11-09"}, "work_date"),
        ({"work_date": "20251106"}, "work_date"),
        ({"work_date": 1762389000}, "work_date"),
        ({"work_date": "2025-10-05"}, "work_date"),
        ({"work_date": "2025-10-05", "punches": [{"kind": "in", "at": "2025-10-05T07:00:00+07:00"}]}, "work_date"),
        ({"work_date": "9999-12-31"}, "work_date"),
        ({"punches": []}, "punches"),
        ({"punches": [{"kind": "in", "at": "2025-11-06T07:00:00+07:00"}] * 5}, "punches"),
        ({"punches": [{"kind": "in", "at": "2025-11-06T17:00:01+07:00"}]}, "punches.0.at"),
        ({"punches": [{"kind": "in", "at": "2025-11-06T07:00:00"}]}, "punches.0.at"),
        ({"punches": [{"kind": "pulang", "at": "2025-11-06T07:00:00+07:00"}]}, "punches.0.kind"),
        ({"punches": [{"kind": "in", "at": "2025-11-06T07:00:00+07:00", "zone": "unknown"}]}, "punches.0.zone"),
        ({"kind": "cuti"}, "kind"),
        ({"oops": 1}, "oops"),
        ({"employee_id": str(uuid4())}, "employee_id"),
        ({**APPEAL, "punches": [], "duty": "output"}, "duty"),
        ({**APPEAL, "punches": [], "work_date": "2025-11-07"}, "work_date"),
    ],
)
async def test_a_wrong_request_names_its_field(team: Team, change: dict[str, Any], field: str) -> None:
    answer = await team.missed(**change)
    assert answer.status_code == 422, answer.text
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert await team.rig.count("request") == 0


@pytest.mark.parametrize("change", [{"reason": None}, {"reason": "ab"}, {"decision": "ok"}, {"oops": 1}])
async def test_a_decision_without_its_reason_decides_nothing(team: Team, change: dict[str, Any]) -> None:
    request_id = await team.asked()
    assert (await team.decide(request_id, **change)).status_code == 422
    assert await team.waiting(team.boss) == [request_id]


async def test_who_is_not_in_the_directory_or_has_left_asks_for_nothing(team: Team) -> None:
    assert (await team.missed(who=uuid4())).status_code == 404
    left = uuid4()
    await team.rig.know(employee(left, active=False))
    assert (await team.missed(who=left)).status_code == 403


async def test_requests_come_in_pages(team: Team) -> None:
    made = [await team.asked(kind="appeal", work_date=f"2025-11-0{day}", duty="hours") for day in (3, 4, 5)]
    for path, who in (("requests", team.boss), ("me/requests", team.me)):
        seen, cursor = list[str](), ""
        while True:
            answer = (await team.get(f"{path}?limit=2{cursor}", who)).json()
            seen += [one["request_id"] for one in answer["items"]]
            if answer["next"] is None:
                break
            cursor = f"&cursor={answer['next']}"
        assert sorted(seen) == sorted(made)


async def test_an_erased_persons_requests_are_gone(team: Team) -> None:
    await team.asked()
    await team.rig.know(None, key=str(team.me))
    assert await team.rig.count("request") == 0
