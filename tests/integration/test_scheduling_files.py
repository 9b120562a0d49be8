"""Files of the directory against a running service: what they keep, clear, end and leave behind."""

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from tests.conftest import DatabaseFor
from tests.integration.test_scheduling_day import RULES
from tests.kit.scheduling import Desk, desk, employee_id, nip

THURSDAY, FRIDAY = "2025-11-06", "2025-11-07"
REQUIRED = "nip,name,opd_code,unit_id,employment,timetable"


@pytest_asyncio.fixture
async def running(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(await database_for("scheduling"), tmp_path) as one:
        await one.small_city()
        await one.clear_outbox()
        yield one


def person(number: int, unit: str, opd: str, more: str = "") -> str:
    return f"{nip(number)},Pegawai {number},{opd},{unit},PNS,five_day{more}"


async def taken(running: Desk, kind: str, text: str, **params: Any) -> dict[str, Any]:
    answer = await running.load(kind, text, **params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def entries(running: Desk) -> dict[UUID, Any]:
    found = {UUID(key): value for _, key, value in await running.outbox("directory.employee.v1")}
    await running.clear_outbox()
    return found


async def test_a_short_file_keeps_what_it_does_not_name_and_lists_what_it_clears(running: Desk) -> None:
    gone = f"{REQUIRED},active\n{person(5, 'DISDIK-A', '1.01', ',false')}\n"
    assert (await taken(running, "employees", gone))["changed"] == 1
    short = f"{REQUIRED}\n" + "\n".join(person(n, "DISDIK-A", "1.01") for n in range(6))
    answer = await taken(running, "employees", short)
    assert (answer["changed"], answer["unchanged"], answer["cleared"]["count"]) == (0, 6, 0)
    assert [one["code"] for one in answer["warnings"]] == ["import.still_departed"]
    clearing = f"{REQUIRED},supervisor_nip,heads\n{person(0, 'DISDIK-A', '1.01', ',,')}\n"
    expected = {
        "count": 1,
        "items": [{"row": 2, "employee_id": str(employee_id(0)), "columns": ["heads"]}],
    }
    for dry_run in (True, False):
        assert (await taken(running, "employees", clearing, dry_run=dry_run))["cleared"] == expected
    units = "unit_id,opd_code,name,is_service_point,direct_service"
    await running.clear_outbox()
    assert (await taken(running, "units", f"{units}\nJATI-1,4.01,Loket Baru,true,true\n"))["changed"] == 1
    [(_, _, unit)] = await running.outbox("directory.unit.v1")
    assert (unit["name"], unit["slo"], len(unit["places"])) == ("Loket Baru", 0.995, 1)


async def publish(running: Desk, first: str, last: str) -> None:
    body = {"from": first, "to": last, "scope": {"all": True}, "publish": True}
    assert (await running.call("POST", "/rosters", json=body)).status_code == 201
    await running.clear_outbox()


async def post(running: Desk, number: int, **body: Any) -> dict[str, Any]:
    answer = await running.call("POST", f"/employees/{employee_id(number)}/postings", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def ids(items: list[dict[str, Any]]) -> set[str]:
    return {one["employee_id"] for one in items}


def people(*numbers: int) -> set[str]:
    return {str(employee_id(number)) for number in numbers}


async def with_an_opd_head(running: Desk) -> None:
    """Person 0 heads OPD 1.01 and is named superior of person 6, who heads the counter DISDIK-B."""
    header = f"{REQUIRED},heads,supervisor_nip\n"
    rows = [person(0, "DISDIK-A", "1.01", ",1.01;DISDIK-A,"), person(6, "DISDIK-B", "1.01", f",DISDIK-B,{nip(0)}")]
    await taken(running, "employees", header + "\n".join(rows))
    await running.clear_outbox()


@pytest.mark.parametrize("by_file", [False, True])
async def test_a_head_who_moves_to_another_opd_heads_nothing_there_and_the_answer_says_what_stays(
    running: Desk, *, by_file: bool
) -> None:
    await with_an_opd_head(running)
    await publish(running, THURSDAY, FRIDAY)
    row = person(6, "JATI-1", "4.01", ",DISDIK-B")
    if by_file:
        dry = await taken(running, "employees", f"{REQUIRED},heads\n{row}\n", dry_run=True)
        answer = await taken(running, "employees", f"{REQUIRED},heads\n{row}\n")
        for name in ("left_behind", "without_superior", "needs_roster"):
            assert dry[name] == answer[name]
        assert "import.heads_ended" in {one["code"] for one in answer["warnings"]}
    else:
        answer = await post(running, 6, kind="transfer", effective_from="2025-11-05", unit_id="JATI-1")
    [left] = answer["left_behind"]["items"]
    assert (left["employee_id"], left["because"]) == (str(employee_id(6)), "transfer")
    assert left["heads"] == ["DISDIK-B"]
    assert ids(left["people"]) == people(7, 8, 9, 10)
    waiting = {one["employee_id"]: one for one in answer["without_superior"]["items"]}
    assert set(waiting) == people(6, 7, 8, 9, 10)
    assert {one["because"] for one in waiting.values()} == {"other_opd"}
    assert [one["person_days"] for one in answer["needs_roster"]["items"]] == [1, 1]
    published = await entries(running)
    assert published[employee_id(6)]["heads"] == []
    # Whose superior works elsewhere now is reviewed by the head of the OPD, who moved by the new unit's head.
    assert {published[employee_id(n)]["supervisor_id"] for n in (7, 8, 9, 10)} == people(0)
    assert published[employee_id(6)]["supervisor_id"] == str(employee_id(11))
    if by_file:
        again = await taken(running, "employees", f"{REQUIRED},heads\n{row}\n")
        assert (again["changed"], await entries(running)) == (0, {})


async def test_whose_superior_departs_is_named_and_reviewed_by_the_next_one_up_until_mended(running: Desk) -> None:
    await with_an_opd_head(running)
    answer = await post(running, 6, kind="departure", effective_from="2025-11-05")
    assert answer["left_behind"]["items"][0]["heads"] == ["DISDIK-B"]
    assert ids(answer["without_superior"]["items"]) == people(7, 8, 9, 10)
    published = await entries(running)
    assert {published[employee_id(n)]["supervisor_id"] for n in (7, 8, 9, 10)} == people(0)

    path, mine = "/employees", {"without_superior": "true"}
    listed = (await running.call("GET", path, params=mine)).json()["items"]
    assert ids(listed) == people(0, 7, 8, 9, 10, 11)
    reviewers = {one["employee_id"]: one["reviewer_id"] for one in listed}
    assert reviewers[str(employee_id(7))] == str(employee_id(0))
    assert reviewers[str(employee_id(0))] is reviewers[str(employee_id(11))] is None
    admin = await running.call("GET", path, role="opd_admin", opd="4.01", params=mine)
    assert ids(admin.json()["items"]) == people(11)
    assert {one["nip"][:15] for one in admin.json()["items"]} == {"*" * 15}

    # An acting deputy of the one who left stands beside the next one up; a named superior mends it.
    acting = {"absent_id": str(employee_id(6)), "deputy_id": str(employee_id(7)), "kind": "PLT"}
    body = acting | {"from": "2025-11-05", "to": "2025-12-31"}
    assert (await running.call("POST", "/acting", json=body)).status_code == 201
    published = await entries(running)
    assert published[employee_id(8)]["acting_supervisor_id"] == str(employee_id(7))
    assert published[employee_id(7)]["heads"] == ["DISDIK-B"]
    mended = f"{REQUIRED},supervisor_nip\n" + "\n".join(
        person(n, "DISDIK-B", "1.01", f",{nip(7) if n > 7 else nip(0)}") for n in range(7, 11)
    )
    assert (await taken(running, "employees", mended))["without_superior"]["count"] == 0
    assert (await entries(running))[employee_id(8)]["supervisor_id"] == str(employee_id(7))


async def test_a_departed_deputy_acts_for_nobody(running: Desk) -> None:
    acting = {"absent_id": str(employee_id(0)), "deputy_id": str(employee_id(1)), "kind": "PLH"}
    body = acting | {"from": "2025-11-05", "to": "2025-12-31"}
    assert (await running.call("POST", "/acting", json=body)).status_code == 201
    assert (await entries(running))[employee_id(2)]["acting_supervisor_id"] == str(employee_id(1))
    await post(running, 1, kind="departure", effective_from="2025-11-05")
    assert (await entries(running))[employee_id(2)]["acting_supervisor_id"] is None


async def test_whom_a_file_leaves_without_a_superior_is_named_with_who_reviews(running: Desk) -> None:
    await with_an_opd_head(running)
    text = (
        f"{REQUIRED},supervisor_nip\n{person(7, 'DISDIK-B', '1.01', ',')}\n{person(3, 'DISDIK-A', '1.01', ',')}\n"
    )
    answer = await taken(running, "employees", text, dry_run=True)
    assert {one["employee_id"]: one["reviewer_id"] for one in answer["without_superior"]["items"]} == {
        str(employee_id(7)): str(employee_id(6)),
        str(employee_id(3)): str(employee_id(0)),
    }
    assert answer["cleared"]["count"] == 2


async def test_a_later_transfer_tells_at_once_which_plans_it_will_leave(running: Desk) -> None:
    await publish(running, THURSDAY, FRIDAY)
    answer = await post(running, 2, kind="transfer", effective_from=FRIDAY, unit_id="JATI-1")
    assert answer["needs_roster"]["items"] == [{"work_date": FRIDAY, "person_days": 1}]
    assert answer["left_behind"]["count"] == 0
    wrong = {"kind": "transfer", "effective_from": FRIDAY, "unit_id": "JATI-1", "heads": ["DISDIK-A"]}
    refused = await running.call("POST", f"/employees/{employee_id(3)}/postings", json=wrong)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "heads")


async def test_special_hours_tell_which_published_plans_they_leave_behind(running: Desk) -> None:
    await publish(running, THURSDAY, "2025-11-09")
    given = {
        "name": "Jumat pendek",
        "from": THURSDAY,
        "timetable": "five_day",
        "weekdays": {"4": ["07:30", "11:30"], "6": ["08:00", "10:00"]},
        "opd_codes": ["4.01"],
    }
    answer = await running.call("POST", "/hours", json=given)
    expected = [{"work_date": day, "person_days": 4} for day in (FRIDAY, "2025-11-09")]
    assert answer.json()["needs_roster"] == {"count": 2, "items": expected}
    withdrawn = await running.call("POST", f"/hours/{answer.json()['special_id']}/withdraw")
    assert withdrawn.json()["needs_roster"]["items"] == expected


async def test_two_proposals_do_not_bring_a_unit_beyond_what_its_event_carries(running: Desk) -> None:
    await publish(running, THURSDAY, FRIDAY)
    running.clock.advance(dt.timedelta(days=3))

    def rows(year: int, count: int) -> str:
        days = [dt.date(2025, 11, 5)] + [dt.date(year, 1, 1) + dt.timedelta(n) for n in range(count)]
        header = "unit_id,effective_from,weekdays,opens,closes,min_staff,on_holidays\n"
        hours = {2030: "15:00", 2031: "14:00"}[year]
        return header + "".join(f"JATI-1,{day},0;1;2;3;4,08:00,{hours},1,false\n" for day in days)

    officer, second = uuid4(), uuid4()
    proposals: list[str] = []
    for year in (2030, 2031):
        text = rows(year, 120).replace("2025-11-05", f"2025-11-0{year - 2024}")
        answer = await running.call(
            "POST", "/imports/requirements", subject=officer, content=text, params={"reason": "terlambat"}
        )
        assert answer.status_code == 202, answer.text
        proposals.append(answer.json()["proposal"]["proposal_id"])
    decided = [
        (await running.call("POST", f"/proposals/{one}/approve", subject=second)).status_code for one in proposals
    ]
    assert decided == [200, 409]
    assert (await running.call("POST", "/directory/publish")).status_code == 200


SPOILT = (
    """update requirement set openings = jsonb_set(openings, '{0,opens}', '"\uff108:00"')
    where unit_id = 'DISDIK-B'""",
    "update employee set name = repeat('x', 400) where name = 'Pegawai 3'",
    """update calendar set holidays = (
        select jsonb_agg(jsonb_build_object('date', '2025-01-01', 'kind', 'national', 'name', 'Libur'))
        from generate_series(1, 401))""",
    """insert into rules (rules_version, effective_from, tolerance_minutes, report_modes, report_cutoff,
        review_sla_working_days, created_at, created_by)
    values ('old', '2025-01-01', 0, '{WFO}', '1\uff17:00', 3, now(), 'x')""",
)


async def test_a_stored_entry_outside_the_contract_is_named_and_keeps_no_other_back(running: Desk) -> None:
    async with running.db.transaction() as tx:
        for statement in SPOILT:
            await tx.connection.execute(statement)
    wrong = {"DISDIK-B": "requirements.0.opens", str(employee_id(3)): "name", "2025": "holidays"}
    units = "unit_id,opd_code,name,is_service_point,direct_service\nJATI-2,4.01,Loket Dua,true,true\n"
    for text in (units, units.replace("Dua", "Tiga")):  # named with each publication until they are mended
        withheld = (await taken(running, "units", text))["withheld"]["items"]
        assert {one["key"]: one["errors"][0]["field"] for one in withheld} == wrong
        assert "xxx" not in str(withheld)
    sent = [(key, value["name"], value["revision"]) for _, key, value in await running.outbox()]
    assert sent == [("JATI-2", "Loket Dua", 1), ("JATI-2", "Loket Tiga", 2)]

    # Acting periods, rosters and rules go on as well.
    acting = {"absent_id": str(employee_id(0)), "deputy_id": str(employee_id(1)), "kind": "PLH"}
    dated = {**acting, "from": THURSDAY, "to": FRIDAY}
    assert (await running.call("POST", "/acting", json=dated)).status_code == 201
    await publish(running, FRIDAY, FRIDAY)
    assert (await running.call("POST", "/rules", json=RULES)).status_code == 201

    mended = await taken(running, "employees", f"{REQUIRED}\n{person(3, 'DISDIK-A', '1.01')}\n")
    assert {one["key"] for one in mended["withheld"]["items"]} == {"DISDIK-B", "2025"}
    [(key, value)] = [(key, value) for _, key, value in await running.outbox("directory.employee.v1")]
    assert (UUID(key), value["name"], value["revision"]) == (employee_id(3), "Pegawai 3", 2)
    again = (await running.call("POST", "/directory/publish")).json()
    assert (again["withheld"]["count"], again["published"]) == (2, 18)
