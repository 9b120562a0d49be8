"""Late changes: what is over or has begun stays as it was until a second officer has seen the list."""

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from services.scheduling.commands import rosters
from tests.conftest import DatabaseFor
from tests.integration.test_scheduling_day import RULES
from tests.kit.scheduling import (
    HOLIDAYS,
    REQUIREMENTS,
    SMALL_CITY,
    STAGE_1,
    Desk,
    desk,
    employee_id,
    employees,
    nip,
)

WEDNESDAY, THURSDAY, FRIDAY = "2025-11-05", "2025-11-06", "2025-11-07"
ANI, BUDI = uuid4(), uuid4()
WHY = "surat edaran terlambat"
FROM_SEVEN: dict[str, Any] = {
    "name": "Jam khusus",
    "from": THURSDAY,
    "to": FRIDAY,
    "timetable": "five_day",
    "weekdays": {"3": ["07:00", "15:30"], "4": ["07:00", "15:30"]},
    "unit_ids": ["DISDIK-A"],
}


@pytest_asyncio.fixture
async def running(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Desk]:
    """Plans of Thursday and Friday stand, published on the eve."""
    async with desk(await database_for("scheduling"), tmp_path) as one:
        await one.small_city()
        await publish(one, THURSDAY, FRIDAY)
        await one.clear_outbox()
        yield one


async def publish(running: Desk, first: str, last: str, **more: Any) -> httpx.Response:
    body = {"from": first, "to": last, "scope": {"all": True}, "publish": True, "reason": WHY, **more}
    answer = await running.call("POST", "/rosters", json=body, subject=ANI)
    assert answer.status_code in (201, 202), answer.text
    return answer


async def told(running: Desk) -> set[tuple[UUID, str, str, str | None]]:
    """(person, date, mode, local start) of the plans published since the outbox was cleared."""
    return {
        (UUID(key), value["work_date"], value["mode"], local(value["starts_at"]))
        for _, key, value in await running.outbox("schedule.changed.v1")
    }


def local(instant: str | None) -> str | None:
    return instant and (dt.datetime.fromisoformat(instant) + dt.timedelta(hours=7)).strftime("%H:%M")


async def decide(running: Desk, proposal_id: str, what: str = "approve", who: UUID = BUDI, **body: Any) -> int:
    answer = await running.call("POST", f"/proposals/{proposal_id}/{what}", subject=who, json=body or None)
    return answer.status_code


async def listed(running: Desk, proposal_id: str) -> list[dict[str, Any]]:
    return (await running.call("GET", f"/proposals/{proposal_id}/person-days")).json()["items"]


async def test_special_hours_for_today_given_after_the_start_move_nobody_until_two_officers_agree(
    running: Desk,
) -> None:
    running.at(f"{THURSDAY} 08:00")
    alone = await running.call("POST", "/hours", json=FROM_SEVEN, headers=running.office())
    assert (alone.status_code, alone.json()["type"]) == (403, "urn:hadir:problem:auth.needs_person")
    given = await running.call("POST", "/hours", json=FROM_SEVEN, subject=ANI)
    assert given.status_code == 202, given.text
    proposal = given.json()["proposal"]
    assert (proposal["person_days"], proposal["alone_from"], proposal["kind"]) == (6, FRIDAY, "hours")
    assert {one["work_date"] for one in proposal["items"]} == {THURSDAY}
    assert {UUID(one["employee_id"]) for one in proposal["items"]} == {employee_id(n) for n in range(6)}
    times = proposal["items"][0]["altered"]
    assert set(times) == {"starts_at", "ends_at"}
    assert [local(times["starts_at"][which]) for which in ("old", "new")] == ["07:30", "07:00"]

    # A roster in between knows nothing of hours that nobody has agreed to.
    assert (await publish(running, THURSDAY, FRIDAY)).json()["changed"] == 0
    assert await told(running) == set()
    assert await decide(running, proposal["proposal_id"], who=ANI) == 403
    assert await told(running) == set()
    assert await decide(running, proposal["proposal_id"], reason="sesuai edaran wali kota") == 200
    assert await told(running) == {(employee_id(n), THURSDAY, "WFO", "07:00") for n in range(6)}
    rows = (await running.call("GET", "/audit", params={"subject": proposal["proposal_id"]})).json()["items"]
    assert [(row["officer"], row["action"], row["reason"]) for row in rows] == [
        (str(BUDI), "proposal.approved", "sesuai edaran wali kota"),
        (str(ANI), "proposal.made", "Jam khusus"),
    ]
    # Tomorrow's day has not begun: the usual roster brings it.
    answer = await publish(running, THURSDAY, FRIDAY)
    assert (answer.status_code, answer.json()["changed"]) == (201, 6)


async def test_hours_that_begin_before_anybody_does_hold_at_once(running: Desk) -> None:
    running.at(f"{THURSDAY} 06:59")
    assert (await running.call("POST", "/hours", json=FROM_SEVEN)).status_code == 201
    assert (await publish(running, THURSDAY, FRIDAY)).json()["changed"] == 12
    # At the instant of the new start they can be taken back by two officers only, and Friday goes with them.
    running.at(f"{THURSDAY} 07:00")
    [kept] = (await running.call("GET", "/hours")).json()["items"]
    gone = await running.call("POST", f"/hours/{kept['special_id']}/withdraw", subject=ANI)
    assert (gone.status_code, gone.json()["withdrawn"], gone.json()["proposal"]["person_days"]) == (202, False, 6)
    await running.clear_outbox()
    assert await decide(running, gone.json()["proposal"]["proposal_id"]) == 200
    assert {(day, start) for _, day, _, start in await told(running)} == {(THURSDAY, "07:30")}


async def test_half_a_day_off_for_today_needs_one_officer(running: Desk) -> None:
    running.at(f"{THURSDAY} 10:00")
    free = {**FROM_SEVEN, "weekdays": {"3": None}}
    assert (await running.call("POST", "/hours", json=free)).status_code == 201
    answer = await publish(running, THURSDAY, FRIDAY)
    assert (answer.status_code, answer.json()["changed"]) == (201, 6)
    assert await told(running) == {(employee_id(n), THURSDAY, "OFF", None) for n in range(6)}
    # and to give the work day back needs two again
    [kept] = (await running.call("GET", "/hours")).json()["items"]
    back = await running.call("POST", f"/hours/{kept['special_id']}/withdraw", subject=ANI)
    assert (back.status_code, back.json()["proposal"]["items"][0]["new_mode"]) == (202, "WFO")


async def test_withdrawn_hours_keep_the_dates_that_are_over(running: Desk) -> None:
    running.at(f"{THURSDAY} 06:00")
    special_id = (await running.call("POST", "/hours", json=FROM_SEVEN)).json()["special_id"]
    await publish(running, THURSDAY, FRIDAY)
    running.at(f"{FRIDAY} 05:00")
    assert (await running.call("POST", f"/hours/{special_id}/withdraw")).status_code == 200
    await running.clear_outbox()
    answer = await publish(running, THURSDAY, FRIDAY)
    assert (answer.status_code, answer.json()["changed"]) == (201, 6)
    assert {day for _, day, _, _ in await told(running)} == {FRIDAY}

    once = {**FROM_SEVEN, "from": "2025-11-10", "to": "2025-11-10"}
    over = (await running.call("POST", "/hours", json=once)).json()["special_id"]
    running.at("2025-11-20 05:00")
    assert (await running.call("POST", f"/hours/{over}/withdraw")).status_code == 200
    [kept] = [one for one in (await running.call("GET", "/hours")).json()["items"] if one["special_id"] == over]
    assert kept["to"] == "2025-11-10", "hours that are over do not hold again for having been withdrawn"


NOON = {**RULES, "rules_version": "noon", "effective_from": THURSDAY, "report_cutoff": "12:00"}


async def test_a_cutoff_for_today_published_in_the_afternoon_waits_with_its_list(running: Desk) -> None:
    assert (await running.call("POST", "/rules", json=RULES)).status_code == 201
    running.at(f"{THURSDAY} 15:30")
    await running.clear_outbox()
    answer = await running.call("POST", "/rules", json=NOON, subject=ANI, params={"reason": WHY})
    assert answer.status_code == 202, answer.text
    proposal = answer.json()
    assert (proposal["person_days"], proposal["alone_from"], proposal["reason"]) == (15, FRIDAY, WHY)
    altered = {"report_cutoff": {"old": "17:00:00", "new": "12:00:00"}}
    assert all(one["altered"] == altered and one["work_date"] == THURSDAY for one in proposal["items"])
    assert await running.outbox() == []
    # The list grows overnight: what was not seen is not approved.
    running.at(f"{FRIDAY} 08:00")
    grown = await running.call("POST", f"/proposals/{proposal['proposal_id']}/approve", subject=BUDI)
    assert (grown.status_code, grown.json()["type"]) == (409, "urn:hadir:problem:proposal.grown")
    assert "15" in grown.json()["detail"]
    assert await decide(running, proposal["proposal_id"], "refuse", reason="buat lagi") == 200
    again = (await running.call("POST", "/rules", json=NOON, subject=ANI)).json()
    assert again["person_days"] == 30
    assert await decide(running, again["proposal_id"]) == 200
    assert [key for _, key, _ in await running.outbox("rules.changed.v1")] == ["noon"]


async def test_rules_for_today_hold_at_once_before_the_first_start_and_where_they_alter_nothing(
    running: Desk,
) -> None:
    assert (await running.call("POST", "/rules", json=RULES)).status_code == 201
    running.at(f"{THURSDAY} 07:29")
    assert (await running.call("POST", "/rules", json=NOON)).status_code == 201
    running.at(f"{THURSDAY} 07:30")
    same = {**NOON, "rules_version": "noon-2"}
    assert (await running.call("POST", "/rules", json=same)).status_code == 201
    tomorrow = {**RULES, "rules_version": "tomorrow", "effective_from": FRIDAY}
    assert (await running.call("POST", "/rules", json=tomorrow)).status_code == 201
    trips = {**RULES, "rules_version": "trips", "effective_from": THURSDAY, "report_cutoff": "12:00"}
    trips["report_modes"] = ["WFH", "WFO", "DUTY_TRAVEL"]
    assert (await running.call("POST", "/rules", json=trips)).status_code == 201


async def test_a_trip_of_today_that_comes_to_owe_a_report_is_in_the_list(running: Desk) -> None:
    away = f"nip,from,to,letter\n{nip(1)},{THURSDAY},{THURSDAY},800/1\n"
    assert (await running.load("duty_travel", away)).status_code == 200
    assert (await running.call("POST", "/rules", json=RULES)).status_code == 201
    running.at(f"{THURSDAY} 05:00")
    modes = {"report_modes": ["WFH", "WFO", "DUTY_TRAVEL"], "effective_from": THURSDAY}
    answer = await running.call("POST", "/rules", json={**RULES, **modes, "rules_version": "trips"}, subject=ANI)
    assert answer.status_code == 202
    [item] = answer.json()["items"]
    assert (UUID(item["employee_id"]), item["altered"]) == (
        employee_id(1),
        {"report_due": {"old": False, "new": True}},
    )


async def test_a_first_roster_for_today_after_the_start_is_a_proposal_and_the_rest_is_published(
    running: Desk,
) -> None:
    running.at("2025-11-10 10:00")
    preview = {"from": "2025-11-10", "to": "2025-11-11", "scope": {"all": True}}
    shown = (await running.call("POST", "/rosters", json=preview)).json()
    assert (shown["changed"], shown["late"]) == (30, 15)
    refused = await running.call("POST", "/rosters", json={**preview, "publish": True}, subject=ANI)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "reason")
    assert await told(running) == set()

    answer = await publish(running, "2025-11-10", "2025-11-11")
    assert (answer.status_code, answer.json()["changed"]) == (202, 15)
    assert {day for _, day, _, _ in await told(running)} == {"2025-11-11"}
    proposal = answer.json()["proposal"]
    days = await listed(running, proposal["proposal_id"])
    assert {(one["work_date"], one["before"], one["after"]["mode"]) for one in days} == {
        ("2025-11-10", None, "WFO")
    }
    assert len(days) == proposal["person_days"] == 15
    await running.clear_outbox()
    assert await decide(running, proposal["proposal_id"]) == 200
    assert {day for _, day, _, _ in await told(running)} == {"2025-11-10"}


async def test_of_a_first_roster_for_today_only_the_shifts_that_have_begun_wait(running: Desk) -> None:
    header, *lines = employees(SMALL_CITY).splitlines()
    shifts = [f"{line.replace('five_day', 'shift')},{group}" for group, line in enumerate(lines[11:])]
    assert (await running.load("employees", "\n".join([f"{header},shift_group", *shifts]))).status_code == 200
    running.at("2025-11-10 10:00")
    answer = await publish(running, "2025-11-10", "2025-11-10", scope={"unit_ids": ["JATI-1"]})
    assert answer.status_code == 202
    assert sorted((mode, start or "") for _, _, mode, start in await told(running)) == [
        ("OFF", ""),
        ("WFO", "15:00"),
        ("WFO", "23:00"),
    ]
    [item] = await listed(running, answer.json()["proposal"]["proposal_id"])
    assert local(item["after"]["starts_at"]) == "07:00"


async def test_a_proposal_of_plans_lists_what_stands_and_what_would(running: Desk) -> None:
    await running.call("POST", "/policies", json=STAGE_1)
    running.at(f"{THURSDAY} 09:00")
    moves = [{"employee_id": str(employee_id(1)), "work_date": day, "mode": "WFH"} for day in (THURSDAY, FRIDAY)]
    answer = await running.call("POST", "/plans/settle", json={"moves": moves, "reason": WHY}, subject=ANI)
    assert (answer.status_code, answer.json()["changed"]) == (202, 1)
    assert {(day, mode) for _, day, mode, _ in await told(running)} == {(FRIDAY, "WFH")}
    proposal_id = answer.json()["proposal"]["proposal_id"]
    one = (await running.call("GET", f"/proposals/{proposal_id}")).json()
    [item] = one["items"]
    assert item["altered"] == {"mode": {"old": "WFO", "new": "WFH"}}
    assert (item["before"]["unit_id"], item["after"]["unit_id"]) == ("DISDIK-A", "DISDIK-A")
    assert [
        row["proposal_id"] for row in (await running.call("GET", "/proposals?status=open")).json()["items"]
    ] == [proposal_id]
    assert (await running.call("GET", "/proposals?status=approved")).json()["items"] == []


async def test_an_opd_admin_reads_what_they_proposed_and_decides_nothing(running: Desk) -> None:
    running.at(f"{THURSDAY} 09:00")
    moves = [{"employee_id": str(employee_id(1)), "work_date": THURSDAY, "mode": "WFH"}]
    admin: dict[str, Any] = {"role": "opd_admin", "opd": "1.01"}
    body = {"moves": moves, "reason": WHY}
    answer = await running.call("POST", "/plans/settle", json=body, subject=ANI, **admin)
    assert answer.status_code == 202
    path = f"/proposals/{answer.json()['proposal']['proposal_id']}"
    for subject, status, count in ((ANI, 200, 1), (BUDI, 404, 0), (None, 404, 0)):
        assert (await running.call("GET", path, subject=subject, **admin)).status_code == status
        assert (await running.call("GET", f"{path}/person-days", subject=subject, **admin)).status_code == status
        assert len((await running.call("GET", "/proposals", subject=subject, **admin)).json()["items"]) == count
    assert (await running.call("POST", f"{path}/approve", subject=BUDI, **admin)).status_code == 403


async def test_today_s_sick_note_needs_one_officer_and_its_recall_two(running: Desk) -> None:
    await running.call("POST", "/policies", json=STAGE_1)
    await publish(running, THURSDAY, THURSDAY)
    plans = (await running.call("GET", "/plans", params={"date": THURSDAY})).json()["items"]
    counter = [one for one in plans if one["unit_id"] == "DISDIK-B"]
    sick = next(one["employee_id"] for one in counter if one["mode"] == "WFO")
    home = next(one["employee_id"] for one in counter if one["mode"] == "WFH")
    running.at(f"{THURSDAY} 09:00")
    await running.clear_outbox()
    body = {"employee_id": sick, "category": "leave", "kind": "sick", "from": THURSDAY, "to": THURSDAY}
    recall = [{"employee_id": home, "work_date": THURSDAY}]
    answer = await running.call("POST", "/absences", json={**body, "recall": recall, "reason": WHY}, subject=ANI)
    assert (answer.status_code, answer.json()["changed"]) == (202, 1)
    assert {(str(who), mode) for who, _, mode, _ in await told(running)} == {(sick, "LEAVE")}
    [item] = await listed(running, answer.json()["proposal"]["proposal_id"])
    assert (item["employee_id"], item["old_mode"], item["new_mode"]) == (home, "WFH", "WFO")


async def test_a_swap_is_refused_once_one_of_its_days_has_begun(running: Desk) -> None:
    half = {**STAGE_1, "policy_id": "half", "kind": "rotation", "parameters": {"share": 0.5}}
    await running.call("POST", "/policies", json=half)
    await publish(running, THURSDAY, FRIDAY)
    days: list[dict[UUID, str]] = []
    for date in (THURSDAY, FRIDAY):
        items = (await running.call("GET", "/plans", params={"date": date})).json()["items"]
        days.append({UUID(one["employee_id"]): one["mode"] for one in items})
    team = [employee_id(n) for n in range(1, 6)]
    asker = next(one for one in team if (days[0][one], days[1][one]) == ("WFH", "WFO"))
    partner = next(one for one in team if (days[0][one], days[1][one]) == ("WFO", "WFH"))
    ask = {"partner_id": str(partner), "my_date": THURSDAY, "their_date": FRIDAY}
    asked = await running.call("POST", "/me/swaps", role="staff", subject=asker, json=ask)
    swap = f"/swaps/{asked.json()['swap_id']}"
    assert (await running.call("POST", f"{swap}/agree", role="staff", subject=partner)).status_code == 200
    running.at(f"{THURSDAY} 07:30")
    await running.clear_outbox()
    late = await running.call("POST", f"{swap}/approve", role="supervisor", subject=employee_id(0), json={})
    assert (late.status_code, late.json()["errors"][0]["field"]) == (422, "my_date")
    again = await running.call("POST", "/me/swaps", role="staff", subject=asker, json=ask)
    assert again.status_code == 422
    assert await told(running) == set()


@pytest.mark.parametrize(
    ("kind", "text", "days", "altered"),
    [
        ("holidays", f"date,kind,name\n{THURSDAY},national,Libur\n", 15, {"holiday": {"old": False, "new": True}}),
        (
            "requirements",
            REQUIREMENTS.splitlines()[0] + f"\nJATI-1,{THURSDAY},3,08:00,15:00,3,false\n",
            4,
            {"opening_hours": {"effective_from": THURSDAY}},
        ),
    ],
)
async def test_a_calendar_or_opening_hours_for_today_wait_once_a_day_has_begun(
    running: Desk, kind: str, text: str, days: int, altered: dict[str, Any]
) -> None:
    running.at(f"{THURSDAY} 07:29")
    assert (await running.load(kind, text, dry_run=True)).json()["past_person_days"] == 0
    running.at(f"{THURSDAY} 07:30")
    answer = await running.call("POST", f"/imports/{kind}", subject=ANI, content=text, params={"reason": WHY})
    assert (answer.status_code, answer.json()["applied"]) == (202, False)
    proposal = answer.json()["proposal"]
    assert (proposal["person_days"], proposal["alone_from"]) == (days, FRIDAY)
    assert all(one["altered"] == altered for one in proposal["items"])
    assert await running.outbox() == []
    assert await decide(running, proposal["proposal_id"]) == 200
    assert await running.outbox() != []


async def test_a_holiday_of_today_taken_away_is_late_from_the_opening_of_offices(running: Desk) -> None:
    running.at("2025-12-20 05:00")
    await publish(running, "2025-12-25", "2025-12-26")
    less = "".join(line + "\n" for line in HOLIDAYS.splitlines() if "2025-12-25" not in line)
    running.at("2025-12-25 07:29")
    assert (await running.load("holidays", less, replace=True, dry_run=True)).json()["past_person_days"] == 0
    running.at("2025-12-25 07:30")
    assert (await running.load("holidays", less, replace=True, dry_run=True)).json()["past_person_days"] == 15


async def test_a_transfer_dated_today_or_before_leaves_begun_days_to_two_officers(running: Desk) -> None:
    running.at(f"{FRIDAY} 10:00")
    move = {"kind": "transfer", "effective_from": THURSDAY, "unit_id": "DISDIK-B"}
    answer = await running.call("POST", f"/employees/{employee_id(1)}/postings", json=move, subject=ANI)
    assert answer.status_code == 201
    text = employees(SMALL_CITY).replace("Pegawai 2,1.01,DISDIK-A", "Pegawai 2,1.01,DISDIK-B")
    lines = [line for line in text.splitlines() if "Pegawai 2," in line or line.startswith("employee_id")]
    assert (await running.load("employees", "\n".join(lines))).status_code == 200
    assert await told(running) == set()
    roster = await publish(running, THURSDAY, FRIDAY)
    assert (roster.status_code, roster.json()["changed"]) == (202, 0)
    days = await listed(running, roster.json()["proposal"]["proposal_id"])
    moved = {(UUID(one["employee_id"]), one["work_date"], one["after"]["unit_id"]) for one in days}
    assert moved == {(employee_id(n), day, "DISDIK-B") for n in (1, 2) for day in (THURSDAY, FRIDAY)}
    assert all(set(one["altered"]) == {"unit_id"} for one in days)


async def test_a_departure_of_today_frees_the_day_with_one_officer(running: Desk) -> None:
    running.at(f"{THURSDAY} 10:00")
    gone = {"kind": "departure", "effective_from": THURSDAY}
    answer = await running.call("POST", f"/employees/{employee_id(12)}/postings", json=gone)
    assert answer.status_code == 201
    assert await told(running) == {(employee_id(12), day, "OFF", None) for day in (THURSDAY, FRIDAY)}


async def test_a_policy_of_today_changes_begun_days_only_by_two_officers(running: Desk) -> None:
    running.at(f"{THURSDAY} 09:00")
    given = await running.call("POST", "/policies", json=STAGE_1)
    assert (given.status_code, given.json()["late"]) == (201, {"person_days": 15, "alone_from": FRIDAY})
    answer = await publish(running, THURSDAY, THURSDAY)
    assert (answer.status_code, answer.json()["changed"]) == (202, 0)
    assert answer.json()["proposal"]["person_days"] == 8
    gone = (await running.call("POST", "/policies/jabar-stage-1/withdraw")).json()
    assert gone["late"]["person_days"] == 15


async def test_what_becomes_late_while_a_roster_is_computed_is_judged_when_it_is_written(
    running: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = rosters.compute

    async def slow(*given: Any) -> Any:
        result = await compute(*given)
        running.at("2025-11-10 07:30")
        return result

    running.at("2025-11-10 07:29")
    monkeypatch.setattr(rosters, "compute", slow)
    answer = await publish(running, "2025-11-10", "2025-11-10")
    assert (answer.status_code, answer.json()["changed"]) == (202, 0)
    assert answer.json()["proposal"]["person_days"] == 15


async def test_a_proposal_decided_while_its_roster_is_still_written_stays_decided(
    running: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.at("2025-11-10 10:00")
    write = rosters._write_fresh  # pyright: ignore[reportPrivateUsage] - the moment between two transactions

    async def decided(*given: Any) -> Any:
        [waiting] = (await running.call("GET", "/proposals")).json()["items"]
        assert await decide(running, waiting["proposal_id"], "refuse") == 200
        return await write(*given)

    monkeypatch.setattr(rosters, "_write_fresh", decided)
    answer = await publish(running, "2025-11-10", "2025-11-10")
    assert answer.status_code == 202
    found = (await running.call("GET", "/proposals")).json()["items"]
    assert sorted(one["status"] for one in found) == ["open", "refused"]
    assert await told(running) == set()


async def test_a_first_plan_is_not_approved_for_someone_who_has_left_or_moved_since(running: Desk) -> None:
    running.at("2025-11-10 10:00")
    for kind, more in (("departure", {}), ("transfer", {"unit_id": "DISDIK-B"})):
        answer = await publish(running, "2025-11-10", "2025-11-10")
        gone = {"kind": kind, "effective_from": "2025-11-10", **more}
        posted = await running.call("POST", f"/employees/{employee_id(5)}/postings", json=gone)
        assert posted.status_code == 201, posted.text
        assert await decide(running, answer.json()["proposal"]["proposal_id"]) == 409
        assert await told(running) == set()
        if kind == "departure":  # the other turn begins with the person in office again
            head, *lines = employees(SMALL_CITY).splitlines()
            assert (await running.load("employees", f"{head},active\n{lines[5]},true\n")).status_code == 200
    answer = await publish(running, "2025-11-10", "2025-11-10")
    assert await decide(running, answer.json()["proposal"]["proposal_id"]) == 200
    assert len(await told(running)) == 15
