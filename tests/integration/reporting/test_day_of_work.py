"""Drafts, copies, intentions and targets over HTTP, on real servers."""

import datetime as dt
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.reporting.commands import drafts
from tests.integration.reporting.test_catalogue import upload
from tests.kit.reporting import COUNTER, DAY, OPD, Running, Staff, at, plan, put

ME = "/reporting/v1/me"
TOMORROW = DAY + dt.timedelta(days=1)


def fields(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [error["field"] for error in answer.json()["errors"]]


async def test_a_draft_is_private_and_goes_with_the_submission(service: Running, staff: Staff) -> None:
    path = f"{ME}/reports/{DAY}/draft"
    half = {"items": [{"task": "Legalisasi"}, {"quantity": 3, "task_code": "K"}, {}]}
    async with (
        service.caller("staff", staff.clerk) as clerk,
        service.caller("supervisor", staff.supervisor) as boss,
    ):
        none = await clerk.get(path)
        saved = await clerk.put(path, json=half)
        again = await clerk.put(path, json={"items": [{"task": "Legalisasi KK"}]})
        read = await clerk.get(path)
        theirs = await boss.get(path)
        personal = await clerk.put(path, json={"items": [{"task": "telp 081234567890"}]})
        unknown = await clerk.put(path, json={"items": [{"tugas": "x"}]})
        early = await clerk.put(f"{ME}/reports/{DAY + dt.timedelta(days=2)}/draft", json=half)
        refused = await put(clerk, [{"task": "x", "quantity": -1, "unit": "u"}])
        kept = await clerk.get(path)
        assert (await put(clerk)).status_code == 201
        gone = await clerk.get(path)
        await clerk.put(path, json=half)
        dropped = [(await clerk.delete(path)).status_code for _ in range(2)]
        last = await clerk.get(path)
    assert (none.status_code, theirs.status_code, gone.status_code, last.status_code) == (404, 404, 404, 404)
    assert (saved.status_code, again.status_code) == (200, 200)
    assert saved.json()["items"][1]["quantity"] == 3
    assert read.json() == again.json() == kept.json()
    assert fields(personal) == ["items.0.task"]
    assert fields(unknown) == ["items.0.tugas"]
    assert fields(early) == ["work_date"]
    assert refused.status_code == 422
    assert dropped == [204, 204]


async def test_a_draft_that_nobody_touches_is_forgotten(service: Running, staff: Staff) -> None:
    path = f"{ME}/reports/{DAY}/draft"
    async with service.caller("staff", staff.clerk) as clerk:
        await clerk.put(path, json={"items": []})
        await drafts.forget(service.db, service.clock.now() + dt.timedelta(days=90))
        assert (await clerk.get(path)).status_code == 200
        await drafts.forget(service.db, service.clock.now() + dt.timedelta(days=90, seconds=1))
        assert (await clerk.get(path)).status_code == 404


async def test_nobody_keeps_drafts_without_end(
    service: Running, staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.reporting.commands.drafts.MOST", 2)
    async with service.caller("staff", staff.clerk) as clerk:
        saved = [
            (await clerk.put(f"{ME}/reports/2025-11-0{day}/draft", json={"items": []})).status_code
            for day in (1, 2, 3, 2)
        ]
    assert saved == [200, 200, 409, 200]


async def test_items_are_copied_from_the_newest_earlier_report_or_a_given_one(
    service: Running, staff: Staff
) -> None:
    earlier = [{"task_code": "KTP", "quantity": 30}, {"task": "Rapat", "unit": "jam", "quantity": 2}]
    async with service.caller("bkpsdm", staff.head) as officer, service.caller("staff", staff.clerk) as clerk:
        await upload(officer)
        header = "task_code,name,unit,norm_minutes,opd_code,effective_from,active\n"
        await upload(officer, f"{header}KTP,Cetak KTP-el,lembar,6,{OPD},2025-11-07,true\n")
        assert (await clerk.get(f"{ME}/reports/{DAY}/copy")).status_code == 404
        await put(clerk, [{"task": "Lama", "unit": "map", "quantity": 1}], date="2025-11-03")
        await put(clerk, earlier, date=DAY)
        newest = (await clerk.get(f"{ME}/reports/{TOMORROW}/copy")).json()
        chosen = (await clerk.get(f"{ME}/reports/{TOMORROW}/copy", params={"from": "2025-11-03"})).json()
        none = await clerk.get(f"{ME}/reports/{TOMORROW}/copy", params={"from": "2025-11-04"})
        handed_in = await put(clerk, newest["items"], date=TOMORROW)
    assert (newest["from"], chosen["from"], none.status_code) == (str(DAY), "2025-11-03", 404)
    assert [(item["task"], item["unit"]) for item in newest["items"]] == [
        ("Cetak KTP-el", "lembar"),
        ("Rapat", "jam"),
    ]
    assert newest["left_out"] == []
    assert [item["norm_minutes"] for item in handed_in.json()["items"]] == [6, None]


async def test_what_is_intended_is_said_before_the_day_and_compared_with_its_report(
    service: Running, staff: Staff
) -> None:
    path, of_clerk = f"{ME}/intentions/{TOMORROW}", f"/reporting/v1/people/{staff.clerk}/intentions/{TOMORROW}"
    body: dict[str, Any] = {"items": [{"task": "Verifikasi berkas", "quantity": 20, "unit": "berkas"}]}
    await service.fold(plan(staff.clerk, OPD, COUNTER, "WFH", TOMORROW))
    async with (
        service.caller("staff", staff.clerk) as clerk,
        service.caller("supervisor", staff.supervisor) as boss,
        service.caller("staff", staff.elsewhere) as stranger,
    ):
        assert (await clerk.get(path)).status_code == 404
        said = await clerk.put(path, json=body)
        service.clock.set(at("07:29", TOMORROW))
        again = await clerk.put(path, json=body)
        read = await boss.get(of_clerk)
        hidden = await stranger.get(of_clerk)
        service.clock.set(at("07:30", TOMORROW))
        late = await clerk.put(path, json={"items": []})
        today = await clerk.put(f"{ME}/intentions/{DAY}", json=body)
        far = await clerk.put(f"{ME}/intentions/2025-12-01", json=body)
        await put(
            clerk,
            [
                {"task": "verifikasi  berkas", "quantity": 18, "unit": "berkas"},
                {"task": "Rapat", "quantity": 1, "unit": "jam"},
            ],
            date=TOMORROW,
        )
        compared = (await boss.get(of_clerk)).json()
    assert (said.status_code, hidden.status_code, late.status_code, today.status_code) == (200, 404, 409, 409)
    assert again.json() == said.json() == read.json()
    assert (said.json()["mode"], said.json()["items"][0]["reported_quantity"]) == ("WFH", None)
    assert fields(far) == ["work_date"]
    assert [item["reported_quantity"] for item in compared["items"]] == [18]
    assert [item["task"] for item in compared["unplanned"]] == ["Rapat"]


async def test_a_superior_sets_the_targets_that_items_may_name(service: Running, staff: Staff) -> None:
    def path(who: UUID, year: int = 2025) -> str:
        return f"/reporting/v1/people/{who}/targets/{year}"

    lines = {"items": [{"code": "S1", "title": "Layanan tepat waktu", "quantity": 240, "unit": "hari"}]}
    item = {"task": "Legalisasi", "quantity": 2, "unit": "berkas"}
    async with (
        service.caller("staff", staff.clerk) as clerk,
        service.caller("supervisor", staff.supervisor) as boss,
        service.caller("supervisor", staff.elsewhere) as stranger,
        service.caller("auditor") as auditor,
    ):
        without = await put(clerk, [{**item, "target": "S1"}])
        first = await boss.put(path(staff.clerk), json=lines)
        again = await boss.put(path(staff.clerk), json=lines)
        own = await clerk.put(path(staff.clerk), json=lines)
        others = await stranger.put(path(staff.clerk), json=lines)
        named = await put(clerk, [{**item, "target": "S1"}])
        listed = (await clerk.get(f"{ME}/targets")).json()
        other_year = (await clerk.get(f"{ME}/targets", params={"year": 2026})).json()
        hidden = await stranger.get(path(staff.clerk))
        audit = (await auditor.get("/reporting/v1/audit", params={"action": "targets"})).json()["items"]
        year = await boss.put(path(staff.clerk, 3000), json=lines)
        twice = await boss.put(path(staff.clerk), json={"items": lines["items"] * 2})
    assert fields(without) == ["items.0.target"]
    assert (first.status_code, again.status_code, own.status_code, others.status_code) == (200, 200, 403, 404)
    assert named.json()["items"][0]["target"] == "S1"
    assert listed == first.json()
    assert (twice.status_code, fields(twice)) == (422, ["items.1.code"])
    assert (other_year["items"], hidden.status_code, year.status_code) == ([], 404, 422)
    assert [(entry["subject"], entry["detail"]) for entry in audit] == [
        (str(staff.clerk), {"year": 2025, "codes": ["S1"]})
    ]
