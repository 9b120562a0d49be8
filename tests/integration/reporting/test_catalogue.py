"""The catalogue of tasks over HTTP, and the reports that name it, on real servers."""

import asyncio
from collections import Counter
from typing import Any

import httpx

from shared.clock import FixedClock
from shared.events import RulesChanged
from tests.kit.reporting import DAY, OPD, OTHER_OPD, Running, Staff, at, plan, put

CATALOGUE = "/reporting/v1/catalogue"
FILE = f"""task_code,name,unit,norm_minutes,opd_code,effective_from,active
KTP,Cetak KTP-el,keping,5,{OPD},2025-01-01,true
KK,Menerbitkan kartu keluarga,kartu,15,{OPD},2025-01-01,true
NASKAH,Menyusun naskah dinas,dokumen,60,,2025-01-01,true
PASIEN,Memeriksa pasien,pasien,12,{OTHER_OPD},2025-01-01,true
LAMA,Menyusun arsip lama,map,3,,2024-01-01,true
LAMA,Menyusun arsip lama,map,3,,2025-06-01,false
"""


async def upload(client: httpx.AsyncClient, text: str = FILE, **params: Any) -> httpx.Response:
    headers = {"content-type": "text/csv"}
    return await client.post(f"{CATALOGUE}/imports", content=text.encode(), params=params, headers=headers)


async def codes(client: httpx.AsyncClient, **params: Any) -> list[str]:
    answer = await client.get(CATALOGUE, params=params)
    assert answer.status_code == 200, answer.text
    return [item["task_code"] for item in answer.json()["items"]]


def places(answer: httpx.Response) -> list[tuple[int, str]]:
    return [(error["row"], error["column"]) for error in answer.json()["errors"]]


async def test_a_file_is_taken_whole_or_not_at_all_and_again_without_effect(
    service: Running, staff: Staff
) -> None:
    broken = FILE.replace("kartu,15", "kartu,nol").replace(OTHER_OPD, "9.99")
    async with (
        service.caller("bkpsdm", staff.head) as officer,
        service.caller("staff", staff.clerk) as clerk,
        service.caller("auditor") as auditor,
    ):
        refused = await upload(officer, broken)
        dry = await upload(officer, dry_run=True)
        assert await codes(officer) == []
        first = await upload(officer)
        again = await upload(officer)
        changed = await upload(officer, FILE.replace("keping,5", "keping,6"))
        later = await upload(officer, FILE.replace("keping,5", "keping,6").replace("2025-01-01", "2025-11-07"))
        versions = (await clerk.get(f"{CATALOGUE}/KTP")).json()["items"]
        audit = (await auditor.get("/reporting/v1/audit", params={"action": "catalogue"})).json()["items"]
        assert (await upload(clerk)).status_code == 403
        assert (await clerk.get(f"{CATALOGUE}/NONE")).status_code == 404
    assert refused.status_code == 422
    assert [(one["row"], one["column"]) for one in refused.json()["errors"]] == [
        (3, "norm_minutes"),
        (5, "opd_code"),
    ]
    assert [change["row"] for change in dry.json()["changes"]] == [2, 3, 4, 5, 6, 7]
    assert (first.json()["created"], again.json()["unchanged"], again.json()["created"]) == (6, 6, 0)
    assert changed.status_code == 422
    assert places(changed) == [(2, "effective_from")]
    assert later.json()["created"] == 4
    assert [(one["effective_from"], one["norm_minutes"]) for one in versions] == [
        ("2025-01-01", 5),
        ("2025-11-07", 6),
    ]
    assert [entry["detail"] for entry in audit] == [{"created": 4, "changed": 0}, {"created": 6, "changed": 0}]


async def test_staff_find_their_offices_tasks_by_the_beginning_of_each_word(
    service: Running, staff: Staff
) -> None:
    async with service.caller("bkpsdm", staff.head) as officer, service.caller("staff", staff.clerk) as clerk:
        await upload(officer)
        await upload(officer, FILE.splitlines()[0] + "\nNASKAH,Menyusun surat,surat,30,,2025-12-01,true\n")
        assert await codes(clerk) == ["KK", "KTP", "NASKAH"]
        assert await codes(clerk, q="ktp") == ["KTP"]
        assert await codes(clerk, q="  KART menerb") == ["KK"]
        assert await codes(clerk, q="menyu nas") == ["NASKAH"]
        assert await codes(clerk, q="usun") == []
        assert await codes(clerk, q="';:*&| !") == ["KK", "KTP", "NASKAH"]
        assert await codes(clerk, q="pasien") == []
        assert await codes(clerk, q="pasien", opd_code=OTHER_OPD) == ["PASIEN"]
        assert await codes(clerk, q="arsip", date="2025-05-31") == ["LAMA"]
        assert await codes(clerk, q="surat", date="2025-12-01") == ["NASKAH"]
        assert await codes(clerk, q="surat") == []
        first = (await clerk.get(CATALOGUE, params={"limit": 2})).json()
        rest = (await clerk.get(CATALOGUE, params={"limit": 2, "cursor": first["next"]})).json()
        assert [item["task_code"] for item in (*first["items"], *rest["items"])] == ["KK", "KTP", "NASKAH"]
        assert rest["next"] is None
        assert (await clerk.get(CATALOGUE, params={"q": "x" * 101})).status_code == 422


async def test_a_report_takes_the_norm_of_its_work_date_and_none_for_free_text(
    service: Running, staff: Staff
) -> None:
    given = [
        {"task_code": "KTP", "quantity": 30, "norm_minutes": 500},
        {"task": "Legalisasi", "unit": "berkas", "quantity": 2, "norm_minutes": 500, "evidence_count": 9},
    ]
    clock: FixedClock = service.clock
    async with (
        service.caller("bkpsdm", staff.head) as officer,
        service.caller("staff", staff.clerk) as clerk,
        service.caller("staff", staff.elsewhere) as stranger,
    ):
        await upload(officer)
        later = FILE.splitlines()[0] + f"\nKTP,Cetak KTP-el,keping,6,{OPD},2025-11-07,true\n"
        assert (await upload(officer, later)).status_code == 200
        today = (await put(clerk, given)).json()
        theirs = await put(stranger, given)
        gone = await put(clerk, [{"task_code": "LAMA", "quantity": 1}])
        clock.set(at("09:00", DAY.replace(day=7)))
        tomorrow = (await put(clerk, given, date="2025-11-07")).json()
        again = await put(clerk, given)
    assert [(item["task"], item["unit"], item["norm_minutes"]) for item in today["items"]] == [
        ("Cetak KTP-el", "keping", 5),
        ("Legalisasi", "berkas", None),
    ]
    assert [item["evidence_count"] for item in today["items"]] == [0, 0]
    assert (today["mode"], today["late"], tomorrow["mode"]) == ("WFO", False, None)
    assert tomorrow["items"][0]["norm_minutes"] == 6
    assert (again.status_code, again.json()["revision"]) == (200, 1)
    assert [error["field"] for error in theirs.json()["errors"]] == ["items.0.task_code"]
    assert [error["field"] for error in gone.json()["errors"]] == ["items.0.task_code"]
    async with asyncio.timeout(30):
        while len(facts := await reported(service)) < 2:  # noqa: ASYNC110 - Kafka lies between
            await asyncio.sleep(0.05)
    assert [[item["task_code"] for item in fact] for fact in facts] == [["KTP", None]] * 2
    assert [[item["norm_minutes"] for item in fact] for fact in facts] == [[5, None], [6, None]]


async def reported(service: Running) -> list[list[dict[str, Any]]]:
    """The items of each report, as every reader of the topic gets them."""
    async with service.db.read() as tx:
        rows = await tx.connection.fetch("select items from fact_report order by work_date")
    return [row["items"] for row in rows]


async def test_a_report_after_the_cutoff_is_taken_and_marked(service: Running, staff: Staff) -> None:
    clock: FixedClock = service.clock
    async with (
        service.caller("staff", staff.clerk) as clerk,
        service.caller("staff", staff.late) as late,
        service.caller("supervisor", staff.supervisor) as boss,
    ):
        clock.set(at("17:00"))
        in_time = await put(clerk)
        clock.set(at("17:01"))
        revised = await put(clerk, [])
        after = await put(late)
        listed = (await boss.get("/reporting/v1/reports")).json()["items"]
        travelling = await put(boss, date="2025-11-03")
        own = (await late.get(f"/reporting/v1/me/reports/{DAY}")).json()
    assert [answer.json()["late"] for answer in (in_time, revised, after)] == [False, False, True]
    assert Counter(item["late"] for item in listed) == {True: 1, False: 1}
    assert own["late"] is True
    assert travelling.json()["late"] is False


async def test_the_cutoff_of_a_report_is_that_of_its_verdict(service: Running, staff: Staff) -> None:
    """One rule in two statements: the verdict's, and the mark on a report."""
    rules = RulesChanged(
        rules_version="r2",
        effective_from=DAY.replace(day=10),
        tolerance_minutes=0,
        report_modes=["WFO", "DUTY_TRAVEL"],
        report_cutoff="20:30",
        review_sla_working_days=3,
    )
    modes = ("WFO", "WFH", "DUTY_TRAVEL", "LEAVE", "OFF")
    days = [DAY.replace(day=day) for day in range(7, 17)]
    plans = [plan(staff.clerk, OPD, "U", modes[n % 5], day) for n, day in enumerate(days)]
    await service.fold(rules, *plans)
    async with service.db.read() as tx:
        rows = await tx.connection.fetch(
            """
            select report_cutoff(employee_id, work_date) as marked, report <> 'not_due' as due, cutoff_at
            from verdicts($1, $2, $3, $4)
            """,
            DAY,
            days[-1],
            at("09:00"),
            [staff.clerk],
        )
    assert len(rows) == 11
    assert [row["marked"] for row in rows] == [row["cutoff_at"] if row["due"] else None for row in rows]
    assert len({row["marked"] for row in rows if row["due"]}) == sum(row["due"] for row in rows)
