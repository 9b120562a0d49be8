"""Changes after publication: the smallest set of plans, and never a counter below its minimum silently."""

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio

from tests.conftest import DatabaseFor
from tests.kit.scheduling import STAGE_1, Desk, desk, employee_id, nip

THURSDAY = "2025-11-06"
HALF = {
    "policy_id": "half",
    "effective_from": "2025-11-06",
    "scope": {"all": True},
    "kind": "rotation",
    "parameters": {"share": 0.5},
    "limits": {"never_direct_service": True},
}


@pytest_asyncio.fixture
async def running(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(await database_for("scheduling"), tmp_path) as one:
        await one.small_city()
        yield one


async def roster(running: Desk, first: str, last: str, **more: Any) -> dict[str, Any]:
    body = {"from": first, "to": last, "scope": {"all": True}, "publish": True, **more}
    answer = await running.call("POST", "/rosters", json=body)
    assert answer.status_code in (200, 201), answer.text
    await running.clear_outbox()
    return answer.json()


async def modes(running: Desk, date: str) -> dict[UUID, str]:
    answer = await running.call("GET", "/plans", params={"date": date})
    return {UUID(item["employee_id"]): item["mode"] for item in answer.json()["items"]}


async def changed_people(running: Desk) -> set[tuple[UUID, str, str]]:
    return {
        (UUID(value["employee_id"]), value["work_date"], value["mode"])
        for _, _, value in await running.outbox("schedule.changed.v1")
    }


def sick(number: int, day: str, **more: Any) -> dict[str, Any]:
    who = str(employee_id(number))
    return {"employee_id": who, "category": "leave", "kind": "sick", "from": day, "to": day, **more}


COUNTER = range(6, 11)
"""The five people of DISDIK-B, whose counter needs three."""


async def test_a_sick_note_that_breaks_a_minimum_names_hours_and_substitutes_and_changes_nothing(
    running: Desk,
) -> None:
    await running.call("POST", "/policies", json=STAGE_1)
    await roster(running, THURSDAY, THURSDAY)
    plans = await modes(running, THURSDAY)
    at_home = [employee_id(n) for n in COUNTER if plans[employee_id(n)] == "WFH"]
    at_work = [n for n in COUNTER if plans[employee_id(n)] == "WFO"]
    assert (len(at_home), len(at_work)) == (2, 3)

    answer = await running.call("POST", "/absences", json=sick(at_work[0], THURSDAY))
    assert answer.status_code == 409
    [unit] = answer.json()["units"]
    assert unit["shortages"] == [
        {"work_date": THURSDAY, "from": "08:00", "to": "15:00", "required": 3, "on_site": 2}
    ]
    assert {UUID(one["employee_id"]) for one in unit["substitutes"]} == set(at_home)
    assert await changed_people(running) == set()

    recall = [{"employee_id": unit["substitutes"][0]["employee_id"], "work_date": THURSDAY}]
    answer = await running.call("POST", "/absences", json=sick(at_work[0], THURSDAY, recall=recall))
    assert (answer.status_code, answer.json()["changed"]) == (200, 2)
    best = UUID(unit["substitutes"][0]["employee_id"])
    assert await changed_people(running) == {
        (employee_id(at_work[0]), THURSDAY, "LEAVE"),
        (best, THURSDAY, "WFO"),
    }
    assert all("sick" not in str(value) for _, _, value in await running.outbox("schedule.changed.v1"))
    again = await roster(running, THURSDAY, THURSDAY)
    assert again["changed"] == 0


async def test_a_recall_tells_an_opd_admin_nothing_of_other_opds_people(running: Desk) -> None:
    await roster(running, THURSDAY, "2025-11-09")
    foreign, nobody = str(employee_id(12)), str(uuid4())
    for person, day in ((foreign, THURSDAY), (foreign, "2025-11-09"), (nobody, THURSDAY)):
        recall = [{"employee_id": person, "work_date": day}]
        body = sick(0, THURSDAY, recall=recall)
        answer = await running.call("POST", "/absences", json=body, role="opd_admin", opd="1.01")
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:hadir:problem:scope.own_opd"), day
        assert await changed_people(running) == set()


async def test_an_override_is_named_reasoned_and_logged(running: Desk) -> None:
    await roster(running, "2025-11-07", "2025-11-07")
    for number in (6, 7):
        assert (await running.call("POST", "/absences", json=sick(number, "2025-11-07"))).status_code == 200
    refused = await running.call("POST", "/absences", json=sick(8, "2025-11-07"))
    assert refused.status_code == 409
    ani = uuid4()
    body = sick(8, "2025-11-07", override={"reason": "loket ditutup sebagian"})
    assert (await running.call("POST", "/absences", json=body, subject=ani)).status_code == 200
    newest = (await running.call("GET", "/audit")).json()["items"][0]
    assert (newest["officer"], newest["reason"]) == (str(ani), "loket ditutup sebagian")
    assert newest["detail"]["overridden"][0]["on_site"] == 2


async def test_an_ended_leave_gives_back_one_plan_and_moves_nobody_else(running: Desk) -> None:
    await running.call("POST", "/policies", json=HALF)
    await roster(running, THURSDAY, "2025-11-12")
    before = await modes(running, "2025-11-10")
    assert (await running.call("POST", "/absences", json=sick(1, "2025-11-10"))).status_code == 200
    await running.clear_outbox()
    assert (await running.call("POST", "/absences/end", json=sick(1, "2025-11-10"))).status_code == 200
    assert {who for who, _, _ in await changed_people(running)} == {employee_id(1)}
    after = await modes(running, "2025-11-10")
    assert {who for who in before if before[who] != after[who]} <= {employee_id(1)}


async def test_a_backdated_sick_note_waits_for_a_second_officer(running: Desk) -> None:
    running.at("2025-11-05 05:00")
    await roster(running, "2025-11-05", "2025-11-07")
    running.clock.advance(dt.timedelta(days=2))
    ani, budi = uuid4(), uuid4()
    body = sick(1, "2025-11-06", reason="surat dokter terlambat")
    answer = await running.call("POST", "/absences", json=body, subject=ani)
    assert (answer.status_code, answer.json()["changed"]) == (202, 0)
    assert await changed_people(running) == set()
    proposal = answer.json()["proposal"]["proposal_id"]
    assert (await running.call("POST", f"/proposals/{proposal}/approve", subject=budi)).status_code == 200
    assert await changed_people(running) == {(employee_id(1), "2025-11-06", "LEAVE")}


async def test_a_late_policy_moves_only_the_plans_it_must(running: Desk) -> None:
    await running.call("POST", "/policies", json=HALF)
    await roster(running, THURSDAY, "2025-11-14")
    less = {**HALF, "limits": {"never_direct_service": True, "max_unit_share": 0.34}}
    await running.call("POST", "/policies", json=less)
    body = {"from": THURSDAY, "to": "2025-11-14", "scope": {"all": True}, "publish": True}
    answer = await running.call("POST", "/rosters", json=body)
    moved = await changed_people(running)
    assert answer.json()["changed"] == len(moved) > 0
    assert {mode for _, _, mode in moved} == {"WFO"}


async def test_a_swap_needs_agreement_and_approval_and_survives_the_next_roster(running: Desk) -> None:
    await running.call("POST", "/policies", json=HALF)
    await roster(running, THURSDAY, "2025-11-14")
    thursday, friday = await modes(running, THURSDAY), await modes(running, "2025-11-07")
    team = [employee_id(n) for n in range(1, 6)]
    asker = next(one for one in team if (thursday[one], friday[one]) == ("WFH", "WFO"))
    partner = next(one for one in team if (thursday[one], friday[one]) == ("WFO", "WFH"))
    ask = {"partner_id": str(partner), "my_date": THURSDAY, "their_date": "2025-11-07"}
    asked = await running.call("POST", "/me/swaps", role="staff", subject=asker, json=ask)
    assert asked.status_code == 201, asked.text
    swap = f"/swaps/{asked.json()['swap_id']}"
    early = await running.call("POST", f"{swap}/approve", json={})
    assert early.status_code == 409
    assert (await running.call("POST", f"{swap}/agree", role="staff", subject=asker)).status_code == 403
    assert (await running.call("POST", f"{swap}/agree", role="staff", subject=partner)).status_code == 200
    stranger = await running.call("POST", f"{swap}/approve", role="supervisor", subject=uuid4(), json={})
    assert stranger.status_code == 403
    for own in (asker, partner):
        refused = await running.call("POST", f"{swap}/approve", role="bkpsdm", subject=own, json={})
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:hadir:problem:swap.own")
    boss = await running.call("POST", f"{swap}/approve", role="supervisor", subject=employee_id(0), json={})
    assert boss.json()["changed"] == 4
    decided = [(value["employee_id"], value["state"]) for value in await decisions(running)]
    assert decided == [(str(asker), "granted"), (str(partner), "granted")]
    assert await changed_people(running) == {
        (asker, THURSDAY, "WFO"),
        (partner, THURSDAY, "WFH"),
        (partner, "2025-11-07", "WFO"),
        (asker, "2025-11-07", "WFH"),
    }
    assert (await roster(running, THURSDAY, "2025-11-14", fresh=True))["changed"] >= 0
    kept = await modes(running, THURSDAY)
    assert (kept[asker], kept[partner]) == ("WFO", "WFH")


async def decisions(running: Desk) -> list[dict[str, Any]]:
    """What was published about swaps."""
    return [value for _, _, value in await running.outbox("absence.decided.v1")]


async def test_a_refused_swap_is_told_to_who_does_not_know_it(running: Desk) -> None:
    await running.call("POST", "/policies", json=HALF)
    await roster(running, THURSDAY, "2025-11-14")
    thursday, friday = await modes(running, THURSDAY), await modes(running, "2025-11-07")
    team = [employee_id(n) for n in range(1, 6)]
    asker = next(one for one in team if (thursday[one], friday[one]) == ("WFH", "WFO"))
    partner = next(one for one in team if (thursday[one], friday[one]) == ("WFO", "WFH"))
    ask = {"partner_id": str(partner), "my_date": THURSDAY, "their_date": "2025-11-07"}
    told: list[set[str]] = []
    for agreed, by in ((False, asker), (False, partner), (True, asker), (True, employee_id(0))):
        swap = (await running.call("POST", "/me/swaps", role="staff", subject=asker, json=ask)).json()["swap_id"]
        if agreed:
            await running.call("POST", f"/swaps/{swap}/agree", role="staff", subject=partner)
        before = len(await decisions(running))
        done = await running.call("POST", f"/swaps/{swap}/refuse", role="staff", subject=by)
        assert done.status_code == 200, done.text
        news = (await decisions(running))[before:]
        assert all((one["kind"], one["state"], one["request_id"]) == ("swap", "refused", swap) for one in news)
        told.append({one["employee_id"] for one in news})
    assert told == [set(), {str(asker)}, {str(partner)}, {str(asker), str(partner)}]


async def test_wishes_and_pairs_go_through_the_solver_which_reports_time_and_gap(running: Desk) -> None:
    await running.call("POST", "/policies", json=HALF)
    wish = {"mode": "WFH", "weight": 3}
    for number in (1, 2):
        answer = await running.call(
            "PUT", "/me/wishes/2025-11-07", role="staff", subject=employee_id(number), json=wish
        )
        assert answer.status_code == 200
    past = await running.call("PUT", "/me/wishes/2025-11-05", role="staff", subject=employee_id(1), json=wish)
    assert past.json()["errors"][0]["field"] == "work_date"
    apart = {"employee_ids": [str(employee_id(3)), str(employee_id(4))], "reason": "dua bendahara"}
    assert (await running.call("POST", "/units/DISDIK-A/apart", json=apart)).status_code == 201
    body = {"from": "2025-11-06", "to": "2025-11-07", "scope": {"unit_ids": ["DISDIK-A"]}, "detail": True}
    answer = (await running.call("POST", "/rosters", json=body)).json()
    [solved] = answer["solved"]
    assert (solved["status"], solved["gap"], solved["granted"], solved["wishes"]) == ("optimal", 0, 2, 2)
    home: dict[str, set[str]] = {}
    for one in answer["details"][0]["person_days"]:
        if one["mode"] == "WFH":
            home.setdefault(one["work_date"], set()).add(one["employee_id"])
    assert {str(employee_id(1)), str(employee_id(2))} <= home["2025-11-07"]
    assert all(len({str(employee_id(3)), str(employee_id(4))} & who) <= 1 for who in home.values())


async def test_a_what_if_shows_the_effect_and_publishes_nothing(running: Desk) -> None:
    await running.call("POST", "/policies", json=STAGE_1)
    await running.clear_outbox()
    draft = {**STAGE_1, "limits": {"max_unit_share": 0.2, "never_direct_service": True}}
    body = {"from": "2025-11-03", "to": "2025-11-09", "scope": {"all": True}, "policy": draft}
    answer = (await running.call("POST", "/rosters/what-if", json=body)).json()
    assert answer["now"]["modes"]["WFH"] == 8
    assert answer["then"]["modes"]["WFH"] == 2
    assert answer["moved"] == {"to_home": 0, "to_office": 6}
    assert [day["wfh"] for day in answer["by_day"]] == [0, 0, 0, 2, 0, 0, 0]
    assert await running.outbox() == []
    assert (await modes(running, THURSDAY)) == {}


async def test_a_preview_shows_each_person_day_each_counter_and_what_blocks(running: Desk) -> None:
    await running.call("POST", "/policies", json=STAGE_1)
    leave = f"nip,from,to,kind\n{nip(6)},{THURSDAY},{THURSDAY},annual\n"
    assert (await running.load("leave", leave)).status_code == 200
    body = {"from": THURSDAY, "to": THURSDAY, "scope": {"unit_ids": ["DISDIK-B"]}, "detail": True}
    answer = (await running.call("POST", "/rosters", json=body)).json()
    assert answer["changed"] == 5
    [detail] = answer["details"]
    assert sorted((one["mode"], one["reason"]) for one in detail["person_days"]) == [
        ("LEAVE", "leave"),
        ("WFH", "policy"),
        ("WFO", "minimum"),
        ("WFO", "minimum"),
        ("WFO", "minimum"),
    ]
    [day] = detail["unit_days"]
    assert day["counter"] == [{"from": "08:00", "to": "15:00", "required": 3, "on_site": 3}]
    [blocked] = answer["unsatisfied"]
    assert (blocked["blocked_by"], blocked["hours"]) == ({"minimum": 3}, [{"from": "08:00", "to": "15:00"}])
    large = {"from": "2025-11-01", "to": "2025-12-31", "scope": {"all": True}}
    assert (await running.call("POST", "/rosters", json=large)).status_code == 200
    reverse = {"from": "2025-11-02", "to": "2025-11-01", "scope": {"all": True}}
    refused = await running.call("POST", "/rosters", json=reverse)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "to")


async def test_a_settled_day_stays_settled_when_its_hours_change(running: Desk) -> None:
    await roster(running, THURSDAY, THURSDAY)
    moves = [{"employee_id": str(employee_id(1)), "work_date": THURSDAY, "mode": "WFO"}]
    await running.call("POST", "/plans/settle", json={"moves": moves, "reason": "rapat dengan dewan"})
    hours = {"name": "Jam", "from": THURSDAY, "timetable": "five_day", "weekdays": {"3": ["08:00", "15:00"]}}
    assert (await running.call("POST", "/hours", json=hours)).status_code == 201
    assert (await roster(running, THURSDAY, THURSDAY))["changed"] == 15
    await running.call("POST", "/policies", json=STAGE_1)
    await roster(running, THURSDAY, THURSDAY)
    plans = await modes(running, THURSDAY)
    assert [plans[employee_id(n)] for n in range(3)] == ["WFH", "WFO", "WFH"]


async def test_a_settled_day_stays_even_if_it_was_so_already(running: Desk) -> None:
    await roster(running, THURSDAY, THURSDAY)
    moves = [{"employee_id": str(employee_id(n)), "work_date": THURSDAY, "mode": "WFO"} for n in range(1, 4)]
    body = {"moves": moves, "reason": "rapat dengan dewan"}
    answer = await running.call("POST", "/plans/settle", json=body)
    assert (answer.status_code, answer.json()["changed"]) == (200, 0)
    await running.call("POST", "/policies", json=STAGE_1)
    await roster(running, THURSDAY, THURSDAY)
    plans = await modes(running, THURSDAY)
    assert [plans[employee_id(n)] for n in range(6)] == ["WFH", "WFO", "WFO", "WFO", "WFH", "WFH"]
