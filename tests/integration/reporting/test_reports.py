"""Work reports and their reviews, over HTTP, on real servers."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.kit.reporting import DAY, ITEMS, Running, Staff, put


async def test_a_report_is_created_once_revised_after_and_repeated_without_effect(
    service: Running, staff: Staff
) -> None:
    async with service.caller("staff", staff.clerk) as clerk:
        first = await put(clerk)
        again = await put(clerk)
        revised = await put(clerk, [*ITEMS, {"task": "Arsip", "quantity": 0, "unit": "map"}])
        kept = await clerk.get(f"/reporting/v1/me/reports/{DAY}")
    assert (first.status_code, again.status_code, revised.status_code) == (201, 200, 200)
    assert [answer.json()["revision"] for answer in (first, again, revised, kept)] == [1, 1, 2, 2]
    assert len({answer.json()["report_id"] for answer in (first, again, revised, kept)}) == 1
    assert again.json() == first.json()
    assert [item["item_id"] for item in kept.json()["items"]] == ["a", "b", "3"]


async def test_concurrent_first_reports_make_one_report_and_one_revision_for_each_content(
    service: Running, staff: Staff
) -> None:
    async with service.caller("staff", staff.clerk) as clerk:
        answers = await asyncio.gather(
            *(put(clerk, [{"task": "x", "quantity": n % 4, "unit": "u"}]) for n in range(12))
        )
        last = (await clerk.get(f"/reporting/v1/me/reports/{DAY}")).json()["revision"]
    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [201]
    revisions = {answer.json()["revision"] for answer in answers}
    assert revisions == set(range(1, last + 1))


async def test_an_empty_report_is_a_report(service: Running, staff: Staff) -> None:
    async with service.caller("staff", staff.clerk) as clerk:
        assert (await put(clerk, [])).status_code == 201


async def test_a_report_is_refused_with_the_field_that_is_wrong(service: Running, staff: Staff) -> None:
    item = {"task": "x", "quantity": 1, "unit": "u"}
    wrong = {
        "items.0.quantity": [{**item, "quantity": -1}],
        "items.0.task": [{**item, "task": " "}],
        "items.0.unit": [{"task": "x", "quantity": 1}],
        "items.0.evidence_count": [{**item, "evidence_count": 1.5}],
        "items.0.norm_minutes": [{**item, "norm_minutes": "5"}],
        "items.1.item_id": [{**item, "item_id": "a"}, {**item, "item_id": "a"}],
        "items": [item] * 201,
    }
    async with service.caller("staff", staff.clerk) as clerk:
        for field, items in wrong.items():
            answer = await put(clerk, items)
            assert answer.status_code == 422, (field, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
            assert [error["field"] for error in answer.json()["errors"]] == [field]
        for date, code in (("2025-11-08", "terlalu"), ("6-11-2025", "")):
            answer = await put(clerk, date=date)
            assert answer.status_code == 422
            assert answer.json()["errors"][0]["field"] == "work_date"
            assert code in answer.text or code == "terlalu"
        assert (await put(clerk, date="2025-11-07")).status_code == 201
        assert (await put(clerk, date="2025-10-02")).status_code == 201
        nul = await put(clerk, [{**item, "task": "a\u0000b"}])
        assert nul.status_code == 422
        raw = await clerk.put(
            f"/reporting/v1/me/reports/{DAY}",
            content=b'{"items": [{"task": "x", "quantity": NaN, "unit": "u"}]}',
            headers={"content-type": "application/json"},
        )
        assert raw.status_code == 422


@pytest.mark.fault(30)
@pytest.mark.fault(32)
async def test_nobody_reports_for_another_nor_decides_by_the_body(service: Running, staff: Staff) -> None:
    """Whose report it is says the token, what becomes of it who decides: what a body says of it has no effect."""
    sneaked = {"employee_id": str(staff.late), "nip": "198704122010121003", "opd_code": "X", "status": "accepted"}
    item = {**ITEMS[0], "accepted_quantity": 1, "reviewed": True}
    async with service.caller("staff", staff.clerk) as clerk:
        plain = await clerk.put(f"/reporting/v1/me/reports/{DAY}", json={"items": ITEMS[:1]})
        again = await clerk.put(f"/reporting/v1/me/reports/{DAY}", json={"items": [item], **sneaked})
        mine = await clerk.get(f"/reporting/v1/me/reports/{DAY}")
    assert (plain.status_code, again.status_code) == (201, 200)
    assert again.json() == plain.json(), "it says the same, so it is the same revision"
    assert mine.json()["revision"] == 1
    async with service.caller("staff", staff.late) as colleague:
        assert (await colleague.get(f"/reporting/v1/me/reports/{DAY}")).status_code == 404
    async with service.caller("supervisor", staff.supervisor) as boss:
        waiting = (await boss.get("/reporting/v1/reports?status=waiting")).json()["items"]
    assert [one["report_id"] for one in waiting] == [plain.json()["report_id"]], "nobody has decided on it"


async def test_someone_unknown_to_directory_and_plans_is_told_to_try_again(service: Running) -> None:
    async with service.caller("staff", uuid4()) as stranger:
        answer = await put(stranger)
    assert answer.status_code == 409
    assert answer.headers["retry-after"]


async def review(client: httpx.AsyncClient, report_id: str, **body: Any) -> httpx.Response:
    body = {"revision": 1, "decision": "accepted", **body}
    return await client.post(f"/reporting/v1/reports/{report_id}/reviews", json=body)


@pytest.mark.fault(33)
async def test_an_accepted_report_cannot_be_revised_until_it_is_returned(service: Running, staff: Staff) -> None:
    async with (
        service.caller("staff", staff.clerk) as clerk,
        service.caller("supervisor", staff.supervisor) as boss,
    ):
        report_id = (await put(clerk)).json()["report_id"]
        accepted = await review(boss, report_id)
        again = await review(boss, report_id)
        refused = await put(clerk, [])
        same = await put(clerk)
        returned = await review(boss, report_id, decision="returned", note="Lampirkan bukti")
        revised = await put(clerk, [])
        outdated = await review(boss, report_id)
    assert (accepted.status_code, again.status_code) == (201, 200)
    assert accepted.json()["items"] == [
        {"item_id": "a", "accepted_quantity": 30.0},
        {"item_id": "b", "accepted_quantity": 4.5},
    ]
    assert again.json() == accepted.json()
    assert (refused.status_code, same.status_code) == (409, 409)
    assert returned.json()["revision"] == accepted.json()["revision"] + 1
    assert (revised.status_code, revised.json()["revision"]) == (200, 2)
    assert (outdated.status_code, outdated.json()["revision"]) == (409, 2)


@pytest.mark.fault(30)
@pytest.mark.fault(33)
async def test_only_supervisor_and_acting_deputy_review_and_never_themselves(
    service: Running, staff: Staff
) -> None:
    async with service.caller("staff", staff.clerk) as clerk:
        report_id = (await put(clerk)).json()["report_id"]
        own = await review(clerk, report_id)
    async with service.caller("supervisor", staff.supervisor) as boss:
        mine = (await put(boss)).json()["report_id"]
        assert (await review(boss, mine)).status_code == 403
        assert (await review(boss, str(uuid4()))).status_code == 404
    strangers: list[UUID] = [staff.head, staff.late, staff.elsewhere]
    answers: list[int] = []
    for stranger in strangers:
        async with service.caller("supervisor", stranger) as client:
            answers.append((await review(client, report_id)).status_code)
    async with service.caller("council") as council:
        assert (await review(council, report_id)).status_code == 403
    async with service.caller("staff", staff.acting) as acting:
        deputy = await review(acting, report_id, decision="returned")
    assert own.status_code == 403
    assert answers == [404, 404, 404]
    assert deputy.status_code == 201


async def test_accepted_quantities_lie_between_zero_and_what_was_reported(service: Running, staff: Staff) -> None:
    async with service.caller("staff", staff.clerk) as clerk:
        report_id = (await put(clerk)).json()["report_id"]
    wrong = {
        "items.0.accepted_quantity": [("a", 30.5), ("b", 1)],
        "items.1.accepted_quantity": [("a", 30), ("b", -1)],
        "items.1.item_id": [("a", 1), ("zz", 1), ("b", 1)],
        "items": [("a", 1)],
    }
    async with service.caller("supervisor", staff.supervisor) as boss:
        for field, items in wrong.items():
            named = [{"item_id": item_id, "accepted_quantity": quantity} for item_id, quantity in items]
            answer = await review(boss, report_id, items=named)
            assert answer.status_code == 422, field
            assert [error["field"] for error in answer.json()["errors"]] == [field]
        good = [{"item_id": "b", "accepted_quantity": 0}, {"item_id": "a", "accepted_quantity": 12}]
        answer = await review(boss, report_id, items=good)
    assert answer.status_code == 201
    assert answer.json()["items"][0] == {"item_id": "a", "accepted_quantity": 12.0}


async def test_the_team_list_holds_what_waits_and_pages_oldest_first(service: Running, staff: Staff) -> None:
    for who in (staff.clerk, staff.late):
        async with service.caller("staff", who) as client:
            for date in ("2025-11-05", "2025-11-06"):
                await put(client, date=date)
    async with service.caller("supervisor", staff.supervisor) as boss:
        first = (await boss.get("/reporting/v1/reports", params={"limit": 3})).json()
        rest = (await boss.get("/reporting/v1/reports", params={"limit": 3, "cursor": first["next"]})).json()
        await review(boss, first["items"][0]["report_id"])
        waiting = (await boss.get("/reporting/v1/reports?status=waiting")).json()["items"]
        accepted = (await boss.get("/reporting/v1/reports?status=accepted")).json()["items"]
        forged = await boss.get("/reporting/v1/reports?cursor=bm9wZQ")
    listed = [(item["work_date"], item["report_id"]) for item in (*first["items"], *rest["items"])]
    assert len(listed) == 4
    assert listed == sorted(listed)
    assert rest["next"] is None
    assert first["items"][0]["name"].startswith("Pegawai")
    assert (len(waiting), len(accepted)) == (3, 1)
    assert forged.status_code == 422


async def test_reports_and_reviews_reach_kafka_and_come_back_as_facts(service: Running, staff: Staff) -> None:
    async with (
        service.caller("staff", staff.clerk) as clerk,
        service.caller("supervisor", staff.supervisor) as boss,
    ):
        report_id = (await put(clerk)).json()["report_id"]
        await review(boss, report_id)
        path = f"/reporting/v1/people/{staff.clerk}/days/{DAY}"

        async def output() -> dict[str, Any]:
            return (await boss.get(path)).json()["duties"]["output"]

        async with asyncio.timeout(30):
            while (await output())["state"] != "met":  # noqa: ASYNC110 - Kafka lies between
                await asyncio.sleep(0.05)
        judged = await output()
    assert judged["because"]["code"] == "output.accepted"
    assert len(judged["event_ids"]) == 3


async def test_the_audit_says_who_decided_what_on_which_report(service: Running, staff: Staff) -> None:
    async with (
        service.caller("staff", staff.clerk) as clerk,
        service.caller("supervisor", staff.supervisor) as boss,
        service.caller("auditor") as auditor,
    ):
        report_id = (await put(clerk)).json()["report_id"]
        await review(boss, report_id)
        await review(boss, report_id)
        await review(boss, report_id, decision="returned", note="Lampirkan bukti")
        await review(boss, report_id, revision=9)
        everything = (await auditor.get("/reporting/v1/audit", params={"subject": report_id})).json()
        page = {"subject": report_id, "action": "report", "officer": str(staff.supervisor), "limit": 1}
        newest = (await auditor.get("/reporting/v1/audit", params=page)).json()
        oldest = (await auditor.get("/reporting/v1/audit", params={**page, "cursor": newest["next"]})).json()
        chosen = await auditor.get("/reporting/v1/audit", params={"action": "report.returned", "to": "2025-11-01"})
        refused = [(await who.get("/reporting/v1/audit")).status_code for who in (clerk, boss)]
    returned, accepted = everything["items"]
    assert (newest["items"], oldest["items"], oldest["next"]) == ([returned], [accepted], None)
    assert (returned["action"], returned["reason"]) == ("report.returned", "Lampirkan bukti")
    assert (accepted["officer"], accepted["role"]) == (str(staff.supervisor), "supervisor")
    assert accepted["detail"] == {
        "employee_id": str(staff.clerk),
        "work_date": str(DAY),
        "report_revision": 1,
        "revision": 1,
        "accepted": {"a": 30.0, "b": 4.5},
    }
    assert chosen.json()["items"] == []
    assert refused == [403, 403]
