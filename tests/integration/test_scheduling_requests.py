"""What staff ask for of their own plans, who lets them, who decides, and what a decision does."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from shared.access import Role
from tests.conftest import DatabaseFor
from tests.kit.scheduling import Desk, desk, employee_id

ME, BOSS, COLLEAGUE = employee_id(1), employee_id(0), employee_id(2)
CLERK, COUNTER_BOSS = employee_id(12), employee_id(11)
"""Of a counter of four people that needs two."""
WHY = "cuti tahunan bersama keluarga"
LEAVE: dict[str, Any] = {"kind": "leave", "leave": "annual", "from": "2025-11-12", "to": "2025-11-14"}
TRIP: dict[str, Any] = {"kind": "duty_travel", "from": "2025-11-12", "to": "2025-11-13", "letter": "ST/12/2025"}


@pytest_asyncio.fixture
async def running(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Desk]:
    """Plans of 10 to 23 November; the city lets everybody ask for everything but unpaid leave."""
    async with desk(await database_for("scheduling"), tmp_path) as one:
        await one.planned_city()
        for kind in ("annual", "sick", "permission", "duty_travel", "amendment"):
            assert (await let(one, kind)).status_code == 200
        await one.clear_outbox()
        yield one


async def let(running: Desk, kind: str, **rule: Any) -> httpx.Response:
    body = {"employment": ["PNS", "PPPK"], "reason": "surat edaran", **rule}
    return await running.call("PUT", f"/request-kinds/{kind}", json=body)


async def ask(running: Desk, who: UUID = ME, /, **body: Any) -> httpx.Response:
    given = {"request_id": str(uuid4()), "reason": WHY, **body}
    return await running.call("POST", "/requests", role="staff", subject=who, json=given)


async def asked(running: Desk, who: UUID = ME, /, **body: Any) -> str:
    answer = await ask(running, who, **(body or LEAVE))
    assert answer.status_code == 201, answer.text
    return answer.json()["request_id"]


async def decide(
    running: Desk,
    request_id: str,
    decision: str = "granted",
    *,
    by: UUID = BOSS,
    role: Role = "staff",
    **more: Any,
) -> httpx.Response:
    opd = more.pop("opd", None)
    body = {"decision": decision, "reason": "sesuai jatah", **more}
    return await running.call(
        "POST", f"/requests/{request_id}/decision", role=role, subject=by, opd=opd, json=body
    )


async def waiting(running: Desk, who: UUID, role: Role = "staff", opd: str | None = None) -> list[str]:
    answer = await running.call("GET", "/requests", role=role, subject=who, opd=opd)
    return [one["request_id"] for one in answer.json()["items"]]


async def mine(running: Desk) -> list[tuple[str, str, str]]:
    answer = await running.call("GET", "/me/absences", role="staff", subject=ME)
    return [(one["kind"] or one["category"], one["from_date"], one["to_date"]) for one in answer.json()["items"]]


async def told(running: Desk) -> list[tuple[str, str]]:
    found = [(value["work_date"], value["mode"]) for _, _, value in await running.outbox("schedule.changed.v1")]
    await running.clear_outbox()
    return sorted(found)


async def test_a_leave_that_is_granted_is_an_absence_and_is_published(running: Desk) -> None:
    made = (await ask(running, **LEAVE, evidence_id="0192f1d4-7c1e-7b57-9d43-0a6f3c6f1c55")).json()
    assert (made["state"], made["kind"], made["review_due"]) == ("open", "leave", "2025-11-10T17:00:00Z")
    assert made["asks"] == {"leave": "annual", "from": "2025-11-12", "to": "2025-11-14"}
    assert (await mine(running), await told(running)) == ([], [])
    granted = (await decide(running, made["request_id"])).json()
    assert (granted["state"], granted["change"]["changed"]) == ("granted", 3)
    assert await mine(running) == [("annual", "2025-11-12", "2025-11-14")]
    assert await told(running) == [(f"2025-11-{day}", "LEAVE") for day in (12, 13, 14)]
    again = await decide(running, made["request_id"])
    assert (again.status_code, again.json()["change"]) == (200, None)
    log = (await running.call("GET", "/audit", params={"subject": str(ME)})).json()["items"]
    assert [(row["action"], row["officer"], row["role"]) for row in log] == [("absence.added", str(BOSS), "staff")]


async def test_a_decision_is_published_once_and_never_says_which_leave(running: Desk) -> None:
    granted = await asked(running, **{**LEAVE, "leave": "sick"})
    trip = await asked(running, **{**TRIP, "from": "2025-11-24", "to": "2025-11-25"})
    for _ in range(2):
        await decide(running, granted)
        await decide(running, trip, "refused")
    decided = await running.outbox("absence.decided.v1")
    assert [key for _, key, _ in decided] == [str(ME), str(ME)]
    shown = ("request_id", "kind", "state", "work_date", "last_date")
    assert [tuple(value[name] for name in shown) for _, _, value in decided] == [
        (granted, "leave", "granted", "2025-11-12", "2025-11-14"),
        (trip, "duty_travel", "refused", "2025-11-24", "2025-11-25"),
    ]
    assert "sick" not in str(decided)


async def test_a_trip_is_granted_with_its_letter(running: Desk) -> None:
    await decide(running, await asked(running, **TRIP))
    assert await told(running) == [("2025-11-12", "DUTY_TRAVEL"), ("2025-11-13", "DUTY_TRAVEL")]
    answer = await running.call("GET", "/me/absences", role="staff", subject=ME)
    assert answer.json()["items"][0]["letter"] == "ST/12/2025"


async def test_a_running_absence_is_amended_and_ended_on_request(running: Desk) -> None:
    await decide(running, await asked(running))
    running.at("2025-11-12 10:00")
    await running.clear_outbox()
    old: dict[str, Any] = {"kind": "amendment", "category": "leave", "from": "2025-11-12", "to": "2025-11-14"}
    shorter = await asked(running, **old, new_from="2025-11-12", new_to="2025-11-13")
    assert (await decide(running, shorter)).json()["change"]["changed"] == 1
    assert await mine(running) == [("annual", "2025-11-12", "2025-11-13")]
    assert [day for day, _ in await told(running)] == ["2025-11-14"]
    gone = await ask(running, **old, new_from="2025-11-12", new_to="2025-11-13")
    assert (gone.status_code, gone.json()["errors"][0]["field"]) == (404, "from")
    ended = await asked(running, **{**old, "to": "2025-11-13"})
    change = (await decide(running, ended)).json()["change"]
    assert (change["changed"], change["proposal"]["person_days"]) == (1, 1)
    assert await mine(running) == [("annual", "2025-11-12", "2025-11-12")]


async def test_a_grant_for_days_that_are_over_waits_for_a_second_officer(running: Desk) -> None:
    running.at("2025-11-13 10:00")
    sick = await asked(running, **LEAVE | {"leave": "sick"})
    change = (await decide(running, sick)).json()["change"]
    assert (change["changed"], change["proposal"]["person_days"]) == (2, 1)


async def test_nobody_asks_for_what_the_city_does_not_let_them(running: Desk) -> None:
    unpaid = await ask(running, **LEAVE | {"leave": "unpaid"})
    assert (unpaid.status_code, unpaid.json()["errors"][0]["field"]) == (403, "leave")
    await let(running, "annual", employment=["PPPK"])
    assert (await ask(running, **LEAVE)).status_code == 403
    await let(running, "duty_travel", opd_codes=["4.01"])
    assert (await ask(running, **TRIP)).status_code == 403
    assert (await ask(running, CLERK, **TRIP)).status_code == 201
    shown = (await running.call("GET", "/request-kinds", role="staff", subject=ME)).json()["items"]
    assert {one["kind"]: one["may_ask"] for one in shown} == {
        **dict.fromkeys(("sick", "permission", "amendment"), True),
        **dict.fromkeys(("annual", "long", "maternity", "important", "unpaid", "duty_travel"), False),
    }
    assert (await let(running, "annual", opd_codes=["9.99"])).status_code == 422
    assert (await let(running, "liburan")).status_code == 422
    refused = await running.call("PUT", "/request-kinds/annual", role="opd_admin", opd="1.01", json={})
    assert refused.status_code == 403
    log = (await running.call("GET", "/audit", params={"action": "request_kind"})).json()["items"]
    assert (log[0]["subject"], log[0]["detail"]["opd_codes"]) == ("duty_travel", ["4.01"])


async def test_a_counter_below_its_minimum_needs_recalls_or_an_override(running: Desk) -> None:
    for colleague in (13, 14):
        body = {"employee_id": str(employee_id(colleague)), "category": "leave", "kind": "annual"}
        days = {"from": "2025-11-12", "to": "2025-11-12"}
        assert (await running.call("POST", "/absences", json={**body, **days})).status_code == 200
    request_id = await asked(running, CLERK, **{**LEAVE, "to": "2025-11-12"})
    short = await decide(running, request_id, by=COUNTER_BOSS)
    assert (short.status_code, short.json()["type"]) == (409, "urn:hadir:problem:change.minimum")
    assert (await running.call("GET", f"/requests/{request_id}", role="staff", subject=CLERK)).json()[
        "state"
    ] == "open"
    stranger = [{"employee_id": str(ME), "work_date": "2025-11-13"}]
    foreign = await decide(running, request_id, by=COUNTER_BOSS, recall=stranger)
    assert (foreign.status_code, foreign.json()["errors"][0]["field"]) == (404, "recall.0.employee_id")
    done = await decide(running, request_id, by=COUNTER_BOSS, override={"reason": "loket ditutup sementara"})
    assert (done.status_code, len(done.json()["change"]["overridden"])) == (200, 1)


async def test_the_next_one_up_decides_once_it_has_waited_and_never_ones_own(running: Desk) -> None:
    request_id = await asked(running)
    admin: dict[str, Any] = {"by": uuid4(), "role": "opd_admin", "opd": "1.01"}
    assert await waiting(running, BOSS) == [request_id]
    assert await waiting(running, COLLEAGUE) == await waiting(running, ME) == []
    assert await waiting(running, admin["by"], "opd_admin", "1.01") == []
    assert (await decide(running, request_id, **admin)).status_code == 404
    assert (await decide(running, request_id, by=ME)).status_code == 403
    assert (await decide(running, request_id, by=COLLEAGUE)).status_code == 404
    running.at("2025-11-11 00:00")
    assert await waiting(running, admin["by"], "opd_admin", "4.01") == []
    assert await waiting(running, admin["by"], "opd_admin", "1.01") == [request_id]
    assert (await decide(running, request_id, **admin)).json()["decided_by"] == str(admin["by"])
    own = await asked(running, BOSS)
    assert await waiting(running, admin["by"], "opd_admin", "1.01") == [own]
    assert (await decide(running, own, by=BOSS)).status_code == 403


async def test_a_deputy_decides_in_the_superiors_place(running: Desk) -> None:
    body = {
        "absent_id": str(BOSS),
        "deputy_id": str(COLLEAGUE),
        "kind": "PLH",
        "from": "2025-11-05",
        "to": "2025-11-20",
    }
    assert (await running.call("POST", "/acting", json=body)).status_code == 201
    request_id = await asked(running)
    assert await waiting(running, COLLEAGUE) == [request_id]
    assert (await decide(running, request_id, by=COLLEAGUE)).status_code == 200


async def test_of_two_who_decide_at_once_one_wins_and_the_other_is_told(running: Desk) -> None:
    request_id = await asked(running)
    answers = await asyncio.gather(
        *(decide(running, request_id, how) for how in ("granted", "refused", "granted", "refused"))
    )
    lost = [answer.json() for answer in answers if answer.status_code == 409]
    assert len(lost) == 2
    assert {one["type"] for one in lost} == {"urn:hadir:problem:request.decided"}
    assert len(await mine(running)) <= 1


@pytest.mark.fault(35)
async def test_overlaps_with_requests_and_absences_are_named(running: Desk) -> None:
    first = await asked(running)
    over = await ask(running, **TRIP)
    assert (over.status_code, over.json()["request_id"]) == (409, first)
    await decide(running, first)
    stored = await ask(running, **TRIP)
    assert (stored.status_code, stored.json()["type"]) == (409, "urn:hadir:problem:request.absent")
    sick: dict[str, Any] = {"kind": "leave", "leave": "sick", "from": "2025-11-13", "to": "2025-11-13"}
    await decide(running, await asked(running, **sick))
    assert await mine(running) == [
        ("annual", "2025-11-12", "2025-11-12"),
        ("sick", "2025-11-13", "2025-11-13"),
        ("annual", "2025-11-14", "2025-11-14"),
    ]


async def test_what_has_come_between_is_told_at_the_decision(running: Desk) -> None:
    request_id = await asked(running)
    body = {"employee_id": str(ME), "category": "duty_travel", "from": "2025-11-13", "to": "2025-11-13"}
    assert (await running.call("POST", "/absences", json=body)).status_code == 200
    late = await decide(running, request_id)
    assert (late.status_code, late.json()["type"]) == (409, "urn:hadir:problem:import.overlaps_stored")
    assert await waiting(running, BOSS) == [request_id]


async def test_the_same_request_again_is_the_same(running: Desk) -> None:
    request_id = str(uuid4())
    answers = await asyncio.gather(*(ask(running, **LEAVE, request_id=request_id) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 201]
    other = await ask(running, **LEAVE | {"to": "2025-11-13"}, request_id=request_id)
    assert (other.status_code, other.json()["errors"][0]["field"]) == (409, "request_id")


async def test_asker_and_decider_read_the_trail_and_others_find_nothing(running: Desk) -> None:
    request_id = await asked(running)
    took = await running.call(
        "POST", f"/requests/{request_id}/withdrawal", role="staff", subject=ME, json={"reason": "batal berangkat"}
    )
    assert took.json()["state"] == "withdrawn"
    for who in (ME, BOSS):
        shown = (await running.call("GET", f"/requests/{request_id}", role="staff", subject=who)).json()
        assert [(one["step"], one["by"], one["reason"]) for one in shown["trail"]] == [
            ("asked", str(ME), WHY),
            ("withdrawn", str(ME), "batal berangkat"),
        ]
    hidden = await running.call("GET", f"/requests/{request_id}", role="staff", subject=COLLEAGUE)
    assert hidden.status_code == 404
    late = await decide(running, request_id)
    assert (late.status_code, late.json()["type"]) == (409, "urn:hadir:problem:request.withdrawn")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"from": "2025-11-15"}, "to"),
        ({"from": "20251112"}, "from"),
        ({"from": "2025-10-01", "to": "2025-10-02"}, "from"),
        ({"from": "2026-12-01", "to": "2026-12-02"}, "from"),
        ({"to": "2026-12-01"}, "to"),
        ({"to": "9999-12-31"}, "to"),
        ({"leave": "liburan"}, "leave"),
        ({"reason": "NIP 198704122010121003"}, "reason"),
        ({"reason": ""}, "reason"),
        ({"request_id": "x"}, "request_id"),
        ({"employee_id": str(ME)}, "employee_id"),
        ({"kind": "cuti"}, "kind"),
        ({"kind": "amendment", "category": "leave", "leave": None}, "leave"),
    ],
)
@pytest.mark.fault(35)
async def test_a_wrong_request_names_its_field(running: Desk, change: dict[str, Any], field: str) -> None:
    answer = await ask(running, **{**LEAVE, **change})
    assert answer.status_code == 422, answer.text
    assert field in [error["field"] for error in answer.json()["errors"]]


async def test_an_amendment_that_changes_nothing_or_half_is_refused(running: Desk) -> None:
    await decide(running, await asked(running))
    old: dict[str, Any] = {"kind": "amendment", "category": "leave", "from": "2025-11-12", "to": "2025-11-14"}
    same = await ask(running, **old, new_from="2025-11-12", new_to="2025-11-14")
    assert (same.status_code, same.json()["errors"][0]["field"]) == (422, "new_from")
    half = await ask(running, **old, new_from="2025-11-12")
    assert (half.status_code, half.json()["errors"][0]["field"]) == (422, "new_to")


async def test_an_erased_persons_requests_are_gone(running: Desk) -> None:
    await asked(running)
    left = {"kind": "departure", "effective_from": "2025-11-05"}
    assert (await running.call("POST", f"/employees/{ME}/postings", json=left)).status_code == 201
    assert (await ask(running, **TRIP)).status_code == 403
    assert (await running.call("POST", f"/employees/{ME}/erase", json={"reason": "permintaan"})).status_code == 200
    async with running.db.read() as tx:
        assert await tx.connection.fetchval("select count(*) from request") == 0
