"""A superior's evening over HTTP, on real servers: the team's day, and many decisions in one call."""

import datetime as dt
import json
from typing import Any
from uuid import UUID, uuid4

import httpx

from tests.kit.reporting import COUNTER, DAY, OPD, Running, Staff, at, check_in, employee, plan, put

TEAM = "/reporting/v1/me/team"
REVIEWS = "/reporting/v1/reviews"


async def day(client: httpx.AsyncClient, **asked: Any) -> dict[str, dict[str, Any]]:
    answer = await client.get(TEAM, params={"date": str(DAY), **asked})
    assert answer.status_code == 200, answer.text
    return {item["employee_id"]: item for item in answer.json()["items"]}


async def test_a_teams_day_says_who_came_who_is_missing_and_which_report_waits(
    service: Running, staff: Staff
) -> None:
    away, idle = uuid4(), uuid4()
    under = {"supervisor_id": staff.supervisor}
    await service.fold(
        employee(away, OPD, COUNTER, **under), plan(away, OPD, COUNTER), employee(idle, OPD, COUNTER, **under)
    )
    clerk, late, gone = str(staff.clerk), str(staff.late), str(away)
    async with (
        service.caller("staff", staff.clerk) as author,
        service.caller("supervisor", staff.supervisor) as boss,
        service.caller("staff", staff.acting) as deputy,
        service.caller("staff", staff.head) as head,
    ):
        before = await day(boss)
        report = (await put(author)).json()
        service.clock.set(at("10:00"))
        waiting = await day(boss)
        by_deputy = await day(deputy)
        narrowed = {state: set(await day(boss, state=state)) for state in ("waiting", "overdue", "missing")}
        of_head = await day(head)
        # Thursday, and three working days: Tuesday's end.
        service.clock.set(at("00:00", DAY + dt.timedelta(days=6)) - dt.timedelta(microseconds=1))
        in_time = await day(boss, state="overdue")
        service.clock.set(at("00:00", DAY + dt.timedelta(days=6)))
        overdue = await day(boss, state="overdue")
        judged = {"report_id": report["report_id"], "revision": 1, "decision": "accepted"}
        await boss.post(REVIEWS, json={"reviews": [judged]})
        decided = await day(boss)
        as_it_was = await day(boss, as_of="2025-11-06T10:00:00+07:00")
        earlier = await day(boss, as_of="2025-11-06T07:30:00+07:00")
        wrong = await boss.get(TEAM, params={"state": "x"})
    async with service.caller("council", staff.supervisor) as council:
        refused = await council.get(TEAM)
    async with service.caller("bkpsdm") as office:
        nobody = await office.get(TEAM)

    assert set(before) == {clerk, late, gone, str(idle)}
    assert before[clerk]["report"] is None
    assert (before[clerk]["missing"], before[gone]["missing"], before[str(idle)]["missing"]) == (
        False,
        True,
        False,
    )
    assert dt.datetime.fromisoformat(before[late]["first_in_at"]) == at("07:41")
    assert before[late]["duties"]["on_time"] == "not_met"
    assert (before[str(idle)]["mode"], before[str(idle)]["duties"]) == (None, None)
    shown = waiting[clerk]["report"]
    assert (shown["report_id"], shown["revision"], shown["items"]) == (report["report_id"], 1, 2)
    assert (shown["status"], shown["late"], shown["overdue"]) == ("waiting", False, False)
    assert dt.datetime.fromisoformat(shown["review_due"]) == at("00:00", DAY + dt.timedelta(days=6))
    assert [(one["employee_id"], one["acting"]) for one in waiting[clerk]["reviewers"]] == [
        (str(staff.supervisor), False),
        (str(staff.acting), True),
    ]
    assert set(by_deputy) == {clerk, late}
    assert narrowed == {"waiting": {clerk}, "overdue": set(), "missing": {gone}}
    assert set(of_head) == {str(staff.supervisor), str(staff.acting)}
    assert (set(in_time), set(overdue)) == (set(), {clerk})
    assert decided[clerk]["report"]["status"] == "accepted"
    # What the duties come to, the facts say, which come back by way of Kafka.
    assert [{**one, "duties": None} for one in as_it_was.values()] == [
        {**one, "duties": None} for one in waiting.values()
    ]
    assert (earlier[late]["first_in_at"], earlier[clerk]["report"]) == (None, None)
    assert wrong.status_code == 422
    assert (refused.status_code, nobody.status_code) == (403, 403)


async def test_a_superior_who_has_left_reads_and_decides_nothing_of_their_people(
    service: Running, staff: Staff
) -> None:
    person = f"/reporting/v1/people/{staff.clerk}"
    doors = [
        f"{person}/days/{DAY}",
        f"{person}/days/{DAY}/evidence",
        f"{person}/months/{DAY:%Y-%m}",
        f"{person}/targets/{DAY.year}",
    ]
    async with (
        service.caller("staff", staff.clerk) as author,
        service.caller("supervisor", staff.supervisor) as boss,
    ):
        report = (await put(author)).json()["report_id"]
        before = {path: (await boss.get(path)).status_code for path in doors}
        known = employee(staff.supervisor, OPD, COUNTER, supervisor_id=staff.head)
        await service.fold(known.model_copy(update={"active": False, "revision": 2}))
        after = {path: (await boss.get(path)).status_code for path in doors}
        listed = (await boss.get("/reporting/v1/reports")).json()["items"]
        team = await day(boss)
        judged = {"report_id": report, "revision": 1, "decision": "accepted"}
        decided = await boss.post(REVIEWS, json={"reviews": [judged]})
    assert before == dict.fromkeys(doors, 200)
    assert after == dict.fromkeys(doors, 404)
    assert (listed, team) == ([], {})
    assert [one["status"] for one in decided.json()["items"]] == [404]


async def test_many_decisions_are_answered_one_by_one_as_they_would_be_alone(
    service: Running, staff: Staff
) -> None:
    people = [uuid4() for _ in range(40)]
    for person in people:
        await service.fold(
            employee(person, OPD, COUNTER, supervisor_id=staff.supervisor),
            plan(person, OPD, COUNTER),
            check_in(person, "07:20"),
        )
    reports: list[UUID] = []
    for person in people:
        async with service.caller("staff", person) as client:
            reports.append((await put(client)).json()["report_id"])
    async with service.caller("supervisor", staff.supervisor) as boss:
        mine = (await put(boss)).json()["report_id"]
        accepted = [{"report_id": one, "revision": 1, "decision": "accepted"} for one in reports]
        mixed: list[Any] = [
            *accepted[:2],
            accepted[0],
            {**accepted[2], "revision": 9},
            {**accepted[3], "report_id": mine},
            {**accepted[4], "report_id": str(uuid4())},
            {**accepted[5], "items": [{"item_id": "a", "accepted_quantity": 31}]},
            {**accepted[6], "decision": "returned", "note": "Lampirkan bukti"},
            {"report_id": "x"},
            None,
            {**accepted[7], "note": "\ud800"},
        ]
        answer = await boss.post(
            REVIEWS, content=json.dumps({"reviews": mixed}), headers={"content-type": "application/json"}
        )
        rest = await boss.post(REVIEWS, json={"reviews": accepted})
        again = await boss.post(REVIEWS, json={"reviews": accepted})
        empty = await boss.post(REVIEWS, json={"reviews": []})
        too_many = await boss.post(REVIEWS, json={"reviews": [accepted[0]] * 201})
        alone = await boss.post(f"/reporting/v1/reports/{reports[8]}/reviews", json=accepted[8])
    async with service.caller("auditor") as auditor:
        audit = await auditor.get("/reporting/v1/audit", params={"action": "report", "limit": 100})
    assert answer.status_code == 200, answer.text
    items = answer.json()["items"]
    assert [item["status"] for item in items] == [201, 201, 200, 409, 403, 404, 422, 201, 422, 422, 422]
    assert items[0]["review"]["report_id"] == reports[0]
    assert items[2]["review"] == items[0]["review"]
    assert {error["field"] for error in items[6]["problem"]["errors"]} == {"items.0.accepted_quantity", "items"}
    assert "report_id" in {error["field"] for error in items[8]["problem"]["errors"]}
    statuses = [item["status"] for item in rest.json()["items"]]
    assert statuses == [200, 200, *[201] * 38]
    assert [item["status"] for item in again.json()["items"]] == [200] * 40
    assert again.json()["items"][8]["review"] == alone.json()
    assert (empty.json()["items"], too_many.status_code) == ([], 422)
    # Each decision once, the return and its repeal both.
    assert len(audit.json()["items"]) == 41


async def test_a_rating_is_previewed_in_the_readers_language(service: Running, staff: Staff) -> None:
    asked = {"result": "above", "behaviour": "at"}
    async with service.caller("staff", staff.clerk) as clerk:
        rated = await clerk.get("/reporting/v1/ratings/preview", params=asked)
        english = await clerk.get("/reporting/v1/ratings/preview", params=asked, headers={"accept-language": "en"})
        wrong = await clerk.get("/reporting/v1/ratings/preview", params={**asked, "result": "x"})
    assert rated.json() == {**asked, "rating": "good", "name": "Baik"}
    assert english.json()["name"] == "Good"
    assert wrong.status_code == 422
