"""Absences that end earlier or later than they were stored: only the days between change."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest_asyncio

from tests.conftest import DatabaseFor
from tests.kit.scheduling import TWO_WEEKS, Desk, desk, employee_id, nip

ANI, BUDI = uuid4(), uuid4()
ONE = employee_id(1)
STORED = {"employee_id": str(ONE), "category": "leave", "from": "2025-11-12", "to": "2025-11-20"}
WHY = "sembuh lebih cepat"


@pytest_asyncio.fixture
async def running(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Desk]:
    """A sick leave from 12 to 20 November, in plans of 10 to 23 November."""
    async with desk(await database_for("scheduling"), tmp_path) as one:
        await one.planned_city()
        given = await one.call("POST", "/absences", json={**STORED, "kind": "sick"})
        assert (given.status_code, given.json()["changed"]) == (200, 7)
        await one.clear_outbox()
        yield one


async def told(running: Desk) -> set[tuple[UUID, str, str]]:
    found = {(UUID(key), v["work_date"], v["mode"]) for _, key, v in await running.outbox("schedule.changed.v1")}
    await running.clear_outbox()
    return found


def days(mode: str, *numbers: int) -> set[tuple[UUID, str, str]]:
    return {(ONE, f"2025-11-{number}", mode) for number in numbers}


async def absences(running: Desk) -> list[tuple[str, str, str]]:
    answer = await running.call("GET", "/absences", params={"from": "2025-11-01", "to": "2025-11-30"})
    return [(one["kind"], one["from_date"], one["to_date"]) for one in answer.json()["items"]]


async def amend(running: Desk, first: str, last: str, **more: Any) -> httpx.Response:
    body = {**STORED, "new_from": first, "new_to": last, "reason": WHY, **more}
    return await running.call("POST", "/absences/amend", json=body, subject=ANI)


async def decide(running: Desk, answer: httpx.Response, what: str = "approve") -> httpx.Response:
    proposal_id = answer.json()["proposal"]["proposal_id"]
    return await running.call("POST", f"/proposals/{proposal_id}/{what}", subject=BUDI)


async def test_a_shorter_absence_gives_back_only_the_days_between(running: Desk) -> None:
    answer = await amend(running, "2025-11-12", "2025-11-17")
    assert (answer.status_code, answer.json()["changed"]) == (200, 3)
    assert await told(running) == days("WFO", 18, 19, 20)
    assert await absences(running) == [("sick", "2025-11-12", "2025-11-17")]
    rows = (await running.call("GET", "/audit", params={"action": "absence.amended"})).json()["items"]
    assert [(row["officer"], row["reason"], row["detail"]["after"]) for row in rows] == [
        (str(ANI), WHY, [["2025-11-12", "2025-11-17"]])
    ]
    assert (await running.call("POST", "/rosters", json=TWO_WEEKS)).json()["changed"] == 0


async def test_a_longer_and_a_moved_absence_take_only_the_days_between(running: Desk) -> None:
    assert (await amend(running, "2025-11-11", "2025-11-21")).json()["changed"] == 2
    assert await told(running) == days("LEAVE", 11, 21)
    body = {**STORED, "from": "2025-11-11", "to": "2025-11-21", "new_from": "2025-11-20", "new_to": "2025-11-22"}
    moved = await running.call("POST", "/absences/amend", json=body)
    assert (moved.status_code, moved.json()["changed"]) == (200, 7)
    assert await told(running) == days("WFO", 11, 12, 13, 14, 17, 18, 19)
    assert await absences(running) == [("sick", "2025-11-20", "2025-11-22")]


async def test_days_that_have_begun_stay_absent_until_a_second_officer_agrees(running: Desk) -> None:
    running.at("2025-11-19 10:00")
    answer = await amend(running, "2025-11-12", "2025-11-17")
    assert (answer.status_code, answer.json()["changed"]) == (202, 1)
    assert await told(running) == days("WFO", 20)
    assert await absences(running) == [("sick", "2025-11-12", "2025-11-19")]
    body = {"from": "2025-11-17", "to": "2025-11-21", "scope": {"all": True}, "publish": True}
    assert (await running.call("POST", "/rosters", json=body)).json()["changed"] == 0
    shown = await running.call("GET", f"/proposals/{answer.json()['proposal']['proposal_id']}")
    assert [(one["work_date"], one["old_mode"], one["new_mode"]) for one in shown.json()["items"]] == [
        ("2025-11-18", "LEAVE", "WFO"),
        ("2025-11-19", "LEAVE", "WFO"),
    ]
    assert (await decide(running, answer)).status_code == 200
    assert await told(running) == days("WFO", 18, 19)
    assert await absences(running) == [("sick", "2025-11-12", "2025-11-17")]
    assert (await running.call("POST", "/rosters", json=body)).json()["changed"] == 0


async def test_an_absence_ended_after_it_is_over_waits_whole_and_a_refusal_leaves_it(running: Desk) -> None:
    running.at("2025-11-21 10:00")
    end = {**STORED, "kind": "sick", "reason": WHY}
    answer = await running.call("POST", "/absences/end", json=end, subject=ANI)
    assert (answer.status_code, answer.json()["changed"], answer.json()["proposal"]["person_days"]) == (202, 0, 7)
    assert (await decide(running, answer, "refuse")).status_code == 200
    assert await told(running) == set()
    assert await absences(running) == [("sick", "2025-11-12", "2025-11-20")]
    again = await running.call("POST", "/absences/end", json=end, subject=ANI)
    assert (await amend(running, "2025-11-12", "2025-11-22")).status_code in (200, 202)
    late = await decide(running, again)
    assert (late.status_code, late.json()["type"]) == (409, "urn:hadir:problem:proposal.stale")


async def test_the_start_of_an_absence_moves_alone_only_as_far_as_no_day_has_begun(
    running: Desk,
) -> None:
    running.at("2025-11-12 10:00")
    answer = await amend(running, "2025-11-17", "2025-11-20")
    assert (answer.status_code, answer.json()["changed"]) == (202, 2)
    assert await told(running) == days("WFO", 13, 14)
    assert await absences(running) == [
        ("sick", "2025-11-12", "2025-11-12"),
        ("sick", "2025-11-17", "2025-11-20"),
    ]
    assert (await decide(running, answer)).status_code == 200
    assert await told(running) == days("WFO", 12)
    assert await absences(running) == [("sick", "2025-11-17", "2025-11-20")]


async def test_a_sick_day_inside_an_annual_leave_splits_it_and_nothing_else_gives_way(
    running: Desk,
) -> None:
    two = str(employee_id(2))
    leave = f"nip,from,to,kind\n{nip(2)},2025-11-10,2025-11-21,annual\n"
    assert (await running.load("leave", leave)).status_code == 200
    await running.clear_outbox()
    sick = {"employee_id": two, "category": "leave", "kind": "sick", "from": "2025-11-13", "to": "2025-11-14"}
    answer = await running.call("POST", "/absences", json=sick)
    assert (answer.status_code, answer.json()["changed"]) == (200, 0)
    mine = [one for one in await absences(running) if one != ("sick", "2025-11-12", "2025-11-20")]
    assert mine == [
        ("annual", "2025-11-10", "2025-11-12"),
        ("sick", "2025-11-13", "2025-11-14"),
        ("annual", "2025-11-15", "2025-11-21"),
    ]
    # The sick note may grow into the leave, over its edge as well; a trip may not.
    grown = {**sick, "new_from": "2025-11-13", "new_to": "2025-11-24"}
    del grown["kind"]
    assert (await running.call("POST", "/absences/amend", json=grown)).status_code == 200
    assert ("annual", "2025-11-10", "2025-11-12") in await absences(running)
    trip = {"employee_id": two, "category": "duty_travel", "from": "2025-11-10", "to": "2025-11-10"}
    refused = await running.call("POST", "/absences", json=trip)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:hadir:problem:import.overlaps_stored")
    annual = {**trip, "category": "leave", "kind": "annual", "from": "2025-11-20", "to": "2025-11-28"}
    assert (await running.call("POST", "/absences", json=annual)).status_code == 409


async def test_a_longer_absence_keeps_the_minimum_and_other_absences(running: Desk) -> None:
    people = [employee_id(number) for number in (6, 7)]
    for who in people:
        body = {
            "employee_id": str(who),
            "category": "leave",
            "kind": "annual",
            "from": "2025-11-18",
            "to": "2025-11-19",
        }
        assert (await running.call("POST", "/absences", json=body)).status_code == 200
    third = {"employee_id": str(employee_id(8)), "category": "leave", "kind": "annual"}
    third |= {"from": "2025-11-17", "to": "2025-11-17"}
    assert (await running.call("POST", "/absences", json=third)).status_code == 200
    await running.clear_outbox()
    del third["kind"]
    grow = {**third, "new_from": "2025-11-17", "new_to": "2025-11-18"}
    short = await running.call("POST", "/absences/amend", json=grow)
    assert (short.status_code, short.json()["units"][0]["shortages"][0]["on_site"]) == (409, 2)
    assert await told(running) == set()
    assert ("annual", "2025-11-17", "2025-11-17") in await absences(running)
    anyway = {**grow, "override": {"reason": "loket ditutup sebagian"}}
    assert (await running.call("POST", "/absences/amend", json=anyway)).json()["changed"] == 1
    unknown = await amend(running, "2025-11-12", "2025-11-17", **{"from": "2025-11-13"})
    assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:hadir:problem:absence.unknown")
    reverse = await amend(running, "2025-11-17", "2025-11-12")
    assert (reverse.status_code, reverse.json()["errors"][0]["field"]) == (422, "new_to")
