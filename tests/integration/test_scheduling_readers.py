"""What those read who are neither the person nor the HR agency: nothing about a person that a code would tell."""

import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest_asyncio

from tests.conftest import DatabaseFor
from tests.kit.scheduling import Desk, desk, employee_id

THURSDAY, FRIDAY = "2025-11-06", "2025-11-07"
PERSON = employee_id(2)
POLICY = {
    "policy_id": "all-thursdays",
    "effective_from": THURSDAY,
    "scope": {"all": True},
    "kind": "weekday",
    "parameters": {"weekdays": [3]},
    "limits": {"never_under_discipline": True, "days_after_post_change": 90, "max_days_per_week": 1},
}
SECRET = {"discipline", "new_in_post"}


@pytest_asyncio.fixture
async def running(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(await database_for("scheduling"), tmp_path) as one:
        await one.small_city()
        for number, body in (
            (2, {"kind": "discipline", "effective_from": "2025-11-05", "until": "2026-05-05"}),
            (3, {"kind": "post", "effective_from": "2025-11-05"}),
        ):
            path = f"/employees/{employee_id(number)}/postings"
            assert (await one.call("POST", path, json=body)).status_code == 201
        assert (await one.call("POST", "/policies", json=POLICY)).status_code == 201
        await one.clear_outbox()
        yield one


def words(answer: Any) -> set[str]:
    """Every key and text of a JSON answer."""
    if isinstance(answer, dict):
        members = cast("dict[str, Any]", answer)
        return {*members} | {word for value in members.values() for word in words(value)}
    if isinstance(answer, list):
        return {word for value in cast("list[Any]", answer) for word in words(value)}
    return {answer} if isinstance(answer, str) else set()


def roster(scope: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"from": THURSDAY, "to": FRIDAY, "scope": scope, "detail": True, **more}


async def test_no_reason_about_a_person_leaves_the_service_or_reaches_who_may_not_know_it(running: Desk) -> None:
    mine = {"opd_codes": ["1.01"]}
    admin: dict[str, Any] = {"role": "opd_admin", "opd": "1.01", "subject": employee_id(0)}
    preview = await running.call("POST", "/rosters", json=roster(mine), **admin)
    assert preview.json()["reasons"]["limit"] == 2
    assert not words(preview.json()) & SECRET
    hr = await running.call("POST", "/rosters", json=roster(mine))
    assert (hr.json()["reasons"]["discipline"], hr.json()["reasons"]["new_in_post"]) == (1, 1)
    draft = {"policy": POLICY | {"policy_id": "draft", "effective_from": FRIDAY}}
    tried = await running.call("POST", "/rosters/what-if", json=roster(mine) | draft, **admin)
    assert tried.status_code == 200, tried.text
    assert not words(tried.json()) & SECRET

    done = await running.call("POST", "/rosters", json=roster(mine, publish=True), **admin)
    assert done.status_code == 201, done.text
    assert not words(done.json()) & SECRET
    stored = await running.call("GET", f"/rosters/{done.json()['roster_id']}", **admin)
    assert stored.json()["summary"]["reasons"]["limit"] == 2
    assert not words(stored.json()) & SECRET

    sent = [value for _, _, value in await running.outbox("schedule.changed.v1")]
    assert len(sent) == 22
    assert not words(sent) & SECRET
    about = {(value["employee_id"], value["work_date"]): value["reason"] for value in sent}
    assert about[str(PERSON), THURSDAY] == about[str(employee_id(3)), THURSDAY] == "limit"

    span = {"from": THURSDAY, "to": FRIDAY}
    own = await running.call("GET", "/me/plans", role="staff", subject=PERSON, params=span)
    assert [one["reason"] for one in own.json()["items"]] == ["discipline", "not_wfh_day"]
    boss: dict[str, Any] = {"role": "supervisor", "subject": employee_id(0)}
    for path, params, who in (
        ("/me/team/plans", span, boss),
        ("/units/DISDIK-A/plans", span, admin),
        ("/plans", {"date": THURSDAY}, admin),
        ("/employees", {}, admin),
    ):
        answer = await running.call("GET", path, params=params, **who)
        found = {UUID(one["employee_id"]) for one in answer.json()["items"]}
        assert PERSON in found, path
        assert not words(answer.json()) & {*SECRET, "discipline_until"}, path
    table = await running.call("GET", "/plans.csv", params=span, **admin)
    reasons = {row["reason"] for row in csv.DictReader(io.StringIO(table.text))}
    assert "limit" in reasons
    assert not reasons & SECRET
    full = await running.call("GET", "/plans", params={"date": THURSDAY})
    assert {one["reason"] for one in full.json()["items"]} >= SECRET


async def test_a_superior_who_has_left_reads_no_plans_of_their_people(running: Desk) -> None:
    span, boss = {"from": THURSDAY, "to": FRIDAY}, employee_id(0)
    published = await running.call("POST", "/rosters", json=roster({"opd_codes": ["1.01"]}, publish=True))
    assert published.status_code == 201

    async def team() -> list[dict[str, Any]]:
        answer = await running.call("GET", "/me/team/plans", role="supervisor", subject=boss, params=span)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]

    before = await team()
    gone = {"kind": "departure", "effective_from": "2025-11-05"}
    assert (await running.call("POST", f"/employees/{boss}/postings", json=gone)).status_code == 201
    assert (bool(before), await team()) == (True, [])


async def test_the_partner_of_a_swap_does_not_learn_which_limit_holds(running: Desk) -> None:
    body = roster({"opd_codes": ["1.01"]}, publish=True)
    assert (await running.call("POST", "/rosters", json=body)).status_code == 201
    moves = [{"employee_id": str(PERSON), "work_date": FRIDAY, "mode": "WFH"}]
    settled = await running.call("POST", "/plans/settle", json={"moves": moves, "reason": "perintah dinas"})
    assert settled.status_code == 200, settled.text
    offer = {"partner_id": str(PERSON), "my_date": THURSDAY, "their_date": FRIDAY}
    asked = await running.call("POST", "/me/swaps", role="staff", subject=employee_id(1), json=offer)
    assert asked.status_code == 201, asked.text
    path = f"/swaps/{asked.json()['swap_id']}"
    assert (await running.call("POST", f"{path}/agree", role="staff", subject=PERSON)).status_code == 200
    boss: dict[str, Any] = {"role": "supervisor", "subject": employee_id(0)}
    barred = await running.call("POST", f"{path}/approve", json={}, **boss)
    assert (barred.status_code, barred.json()["type"]) == (409, "urn:hadir:problem:swap.barred")
    assert not SECRET & set(barred.text.replace("(", " ").replace(")", " ").split())


async def test_a_publication_of_another_opd_does_not_exist_for_an_admin(running: Desk) -> None:
    made: dict[str, str] = {}
    for name, scope in (
        ("own", {"opd_codes": ["4.01"]}),
        ("own unit", {"unit_ids": ["JATI-1"]}),
        ("other", {"opd_codes": ["1.01"]}),
        ("other unit", {"unit_ids": ["DISDIK-B"]}),
        ("both", {"opd_codes": ["1.01", "4.01"]}),
        ("mixed", {"opd_codes": ["4.01"], "unit_ids": ["DISDIK-B"]}),
        ("all", {"all": True}),
    ):
        answer = await running.call("POST", "/rosters", json=roster(scope, publish=True, detail=False))
        made[name] = answer.json()["roster_id"]
    for opd in ("4.01", "", None):
        seen = {
            name: (await running.call("GET", f"/rosters/{one}", role="opd_admin", opd=opd)).status_code
            for name, one in made.items()
        }
        assert seen == {name: 200 if opd == "4.01" and name.startswith("own") else 404 for name in made}
    assert {(await running.call("GET", f"/rosters/{one}")).status_code for one in made.values()} == {200}


async def test_the_reason_that_an_officer_gave_is_read_as_it_was_given(running: Desk) -> None:
    """It is none of the codes that say something about a person."""
    given = "perintah Sekda nomor 12"
    body = roster({"opd_codes": ["1.01"]}, publish=True, detail=False, reason=given)
    admin: dict[str, Any] = {"role": "opd_admin", "opd": "1.01", "subject": employee_id(0)}
    made = await running.call("POST", "/rosters", json=body, **admin)
    stored = await running.call("GET", f"/rosters/{made.json()['roster_id']}", **admin)
    assert stored.json()["request"]["reason"] == given
