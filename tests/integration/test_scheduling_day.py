"""What a working day needs of scheduling: directory, rules, a policy, plans."""

import datetime as dt
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from services.scheduling.store.tables import Stored
from tests.conftest import DatabaseFor
from tests.kit.scheduling import (
    OPDS,
    SMALL_CITY,
    STAGE_1,
    Desk,
    desk,
    employee_id,
    employees,
    nip,
)

RULES: dict[str, Any] = {
    "rules_version": "2025-11",
    "effective_from": "2025-11-01",
    "tolerance_minutes": 0,
    "report_modes": ["WFH", "WFO"],
    "report_cutoff": "17:00",
    "review_sla_working_days": 3,
}


@pytest_asyncio.fixture
async def running(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(await database_for("scheduling"), tmp_path) as one:
        yield one


async def publish(running: Desk, first: str, last: str, **scope: Any) -> dict[str, Any]:
    body = {"from": first, "to": last, "scope": scope or {"all": True}, "publish": True}
    answer = await running.call("POST", "/rosters", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_an_import_publishes_whole_entries_and_the_same_file_again_publishes_nothing(running: Desk) -> None:
    await running.small_city()
    topics = [topic for topic, _, _ in await running.outbox()]
    assert {topic: topics.count(topic) for topic in set(topics)} == {
        "directory.unit.v1": 3 + 2,  # made, then given requirements
        "directory.employee.v1": 15,
        "calendar.changed.v1": 1,
    }
    people = [value for _, _, value in await running.outbox("directory.employee.v1")]
    clerk = next(one for one in people if one["employee_id"] == str(employee_id(1)))
    assert (clerk["nip"], clerk["supervisor_id"], clerk["revision"]) == (nip(1), str(employee_id(0)), 1)
    unit = [value for _, key, value in await running.outbox("directory.unit.v1") if key == "DISDIK-B"][-1]
    assert unit["requirements"][0]["min_staff"] == 3
    assert unit["opd_name"] == "Dinas Pendidikan"
    assert len(unit["places"]) == 2

    await running.clear_outbox()
    again = await running.load("employees", employees(SMALL_CITY))
    assert again.json()["unchanged"] == 15
    assert await running.outbox() == []

    renamed = await running.load("opds", OPDS.replace("Dinas Pendidikan", "Dinas Pendidikan dan Budaya"))
    assert renamed.json()["changed"] == 1
    assert {key for _, key, _ in await running.outbox()} == {"DISDIK-A", "DISDIK-B"}


async def test_a_dry_run_says_what_would_change_and_changes_nothing(running: Desk) -> None:
    await running.small_city()
    await running.clear_outbox()
    text = employees({**SMALL_CITY, "JATI-1": ("4.01", 5)}).replace("Pegawai 2,", "Pegawai Dua,")
    answer = (await running.load("employees", text, dry_run=True)).json()
    assert (answer["created"], answer["changed"], answer["unchanged"]) == (1, 1, 14)
    assert {"row": 4, "change": "changed", "columns": ["name"]} in answer["changes"]
    assert await running.outbox() == []
    assert (await running.load("employees", employees(SMALL_CITY))).json()["unchanged"] == 15


async def test_a_broken_row_far_down_is_named_and_nothing_is_stored(running: Desk) -> None:
    await running.small_city()
    await running.clear_outbox()
    lines = employees({"DISDIK-A": ("1.01", 900)}).splitlines()
    secret = "1987041220101210"
    lines[899] = lines[899].replace(nip(898), secret)
    lines[898] = lines[898].replace("five_day", "five_days")
    answer = await running.load("employees", "\n".join(lines))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    errors = {(error["row"], error["column"]): error for error in answer.json()["errors"]}
    assert set(errors) == {(899, "timetable"), (900, "nip")}
    assert errors[900, "nip"]["code"] == "nip.length"
    assert secret not in answer.text
    assert await running.outbox() == []


@pytest.mark.parametrize(
    ("kind", "row", "column"),
    [
        ("units", "X,9.99,Nama,false,false", "opd_code"),
        ("requirements", "NOPE,2025-01-01,0,08:00,15:00,1,false", "unit_id"),
        ("requirements", "DISDIK-B,2025-01-01,0,15:00,08:00,1,false", "closes"),
        ("requirements", "DISDIK-B,2025-01-01,0,08:00,15:00,6,false", "min_staff"),
        ("requirements", "DISDIK-B,2025-01-01,7,08:00,15:00,1,false", "weekdays"),
        ("leave", f"{nip(1)},2025-11-10,2025-11-07,annual", "to"),
        ("leave", f"{nip(1)},2025-11-10,2025-11-11,holiday", "kind"),
        ("leave", f"{nip(999)},2025-11-10,2025-11-11,annual", "nip"),
        ("holidays", "2025-13-01,national,X", "date"),
        ("opds", "9.99,Nama,N,museum,none", "kind"),
    ],
)
async def test_each_wrong_cell_is_named(running: Desk, kind: str, row: str, column: str) -> None:
    await running.small_city()
    heads = {
        "units": "unit_id,opd_code,name,is_service_point,direct_service",
        "requirements": "unit_id,effective_from,weekdays,opens,closes,min_staff,on_holidays",
        "leave": "nip,from,to,kind",
        "holidays": "date,kind,name",
        "opds": "opd_code,name,short_name,kind,direct_service",
    }
    answer = await running.load(kind, f"{heads[kind]}\n{row}\n")
    assert answer.status_code == 422, answer.text
    assert [(error["row"], error["column"]) for error in answer.json()["errors"]] == [(2, column)]


async def test_a_ring_of_superiors_a_nip_twice_and_overlapping_leave_are_refused(running: Desk) -> None:
    await running.small_city()
    ring = employees(SMALL_CITY).replace(
        f"{nip(0)},Pegawai 0,1.01,DISDIK-A,,", f"{nip(0)},Pegawai 0,1.01,DISDIK-A,{nip(1)},"
    )
    answer = await running.load("employees", ring)
    assert [error["code"] for error in answer.json()["errors"]] == ["import.supervisor_loop"] * 2
    lines = employees(SMALL_CITY).splitlines()
    answer = await running.load("employees", "\n".join([*lines, lines[3].replace(str(employee_id(2)), "")]))
    assert [(error["row"], error["code"]) for error in answer.json()["errors"]] == [(17, "import.twice")]
    head = "nip,from,to,kind\n"
    twice = f"{head}{nip(1)},2025-11-10,2025-11-12,annual\n{nip(1)},2025-11-12,2025-11-13,sick\n"
    answer = await running.load("leave", twice)
    assert [(error["row"], error["code"]) for error in answer.json()["errors"]] == [(3, "import.overlaps_row")]
    assert (await running.load("leave", f"{head}{nip(1)},2025-11-10,2025-11-12,annual\n")).status_code == 200
    trip = await running.load("duty_travel", f"nip;from;to;letter\n{nip(1)};2025-11-12;2025-11-13;800/1\n")
    assert [error["code"] for error in trip.json()["errors"]] == ["import.overlaps_stored"]


async def test_an_import_shows_its_progress_as_lines(running: Desk) -> None:
    await running.small_city()
    text = employees({"DISDIK-A": ("1.01", 900)})
    answer = await running.load("employees", text, progress=True)
    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [(line["stage"], line["count"]) for line in lines[:-1]] == [
        ("read", 900),
        ("checked", 900),
        ("stored", 894),
        ("published", 500),
    ]
    assert (lines[-1]["status"], lines[-1]["result"]["created"]) == (200, 885)
    broken = await running.load("employees", text.replace("five_day", "x"), progress=True)
    last = json.loads(broken.text.splitlines()[-1])
    assert (last["status"], last["problem"]["total_errors"]) == (422, 900)


async def test_the_directory_can_be_read_and_hides_nips_outside_the_hr_agency(running: Desk) -> None:
    await running.small_city()
    everyone = (await running.call("GET", "/employees")).json()["items"]
    assert {one["nip"] for one in everyone} == {nip(n) for n in range(15)}
    own = await running.call("GET", "/employees", role="opd_admin", opd="4.01")
    assert [one["nip"] for one in own.json()["items"]] == ["*" * 15 + nip(n)[15:] for n in range(11, 15)]
    assert (await running.call("GET", "/employees", role="staff", subject=employee_id(1))).status_code == 403
    units = (await running.call("GET", "/units", params={"opd_code": "1.01"})).json()["items"]
    assert [unit["unit_id"] for unit in units] == ["DISDIK-A", "DISDIK-B"]
    assert len((await running.call("GET", "/opds")).json()["items"]) == 2


async def test_the_models_are_the_migrated_tables(running: Desk) -> None:
    async with running.db.read() as tx:
        for table in Stored.metadata.sorted_tables:
            rows = await tx.connection.fetch(
                "select column_name, is_nullable = 'YES' from information_schema.columns where table_name = $1",
                table.name,
            )
            assert {row[0]: row[1] for row in rows} == {one.name: bool(one.nullable) for one in table.columns}


async def test_semicolons_byte_order_mark_and_crlf_are_read(running: Desk) -> None:
    text = OPDS.replace(",", ";").replace("\n", "\r\n").encode("utf-8-sig")
    assert (await running.load("opds", text)).json()["created"] == 2


async def test_plans_of_stage_one_keep_the_counter_and_only_changes_are_published_again(running: Desk) -> None:
    await running.small_city()
    assert (await running.call("POST", "/policies", json=STAGE_1)).status_code == 201
    head = "nip,from,to,kind\n"
    assert (await running.load("leave", f"{head}{nip(6)},2025-11-06,2025-11-06,sick\n")).status_code == 200
    await running.clear_outbox()
    result = await publish(running, "2025-11-06", "2025-11-09")
    assert result["person_days"] == result["changed"] == 60
    # Thursday: all six of DISDIK-A, one of the four present of DISDIK-B (three stay), none of JATI-1.
    assert result["modes"] == {"WFH": 7, "LEAVE": 1, "OFF": 30, "WFO": 22}
    events = [value for _, _, value in await running.outbox("schedule.changed.v1")]
    assert len(events) == 60
    leave = next(one for one in events if one["mode"] == "LEAVE")
    assert (leave["reason"], leave["starts_at"]) == ("leave", None)
    thursday = next(one for one in events if one["mode"] == "WFH")
    assert thursday["policy_version"] == "jabar-stage-1/1"
    assert dt.datetime.fromisoformat(thursday["starts_at"]) == dt.datetime.fromisoformat("2025-11-06T07:30+07:00")
    assert dt.datetime.fromisoformat(thursday["ends_at"]) == dt.datetime.fromisoformat("2025-11-06T16:00+07:00")

    await running.clear_outbox()
    assert (await publish(running, "2025-11-06", "2025-11-09"))["changed"] == 0
    assert await running.outbox() == []

    assert (await running.load("leave", f"{head}{nip(7)},2025-11-07,2025-11-07,annual\n")).status_code == 200
    [(_, key, value)] = await running.outbox("schedule.changed.v1")
    assert (key, value["mode"], value["revision"]) == (str(employee_id(7)), "LEAVE", 2)
    assert (await publish(running, "2025-11-06", "2025-11-09"))["changed"] == 0

    mine = await running.call(
        "GET", "/me/plans", role="staff", subject=employee_id(7), params={"from": "2025-11-06", "to": "2025-11-07"}
    )
    assert [item["work_date"] for item in mine.json()["items"]] == ["2025-11-06", "2025-11-07"]
    everyone = await running.call("GET", "/plans", params={"date": "2025-11-06"})
    assert len(everyone.json()["items"]) == 15


async def test_a_version_of_the_rules_never_changes_and_a_backdated_one_needs_two_officers(running: Desk) -> None:
    await running.small_city()
    first = await running.call("POST", "/rules", json=RULES)
    assert first.status_code == 201
    assert (await running.call("POST", "/rules", json=RULES)).status_code == 200
    other = await running.call("POST", "/rules", json={**RULES, "tolerance_minutes": 5})
    assert (other.status_code, other.json()["errors"][0]["field"]) == (409, "rules_version")
    running.at("2025-11-05 05:00")
    await publish(running, "2025-11-05", "2025-11-07")
    running.at("2025-11-06 05:00")
    await running.clear_outbox()

    ani, budi = uuid4(), uuid4()
    backdated = {**RULES, "rules_version": "2025-11b", "effective_from": "2025-11-04", "tolerance_minutes": 15}
    office = await running.call("POST", "/rules", json=backdated, headers=running.office())
    assert (office.status_code, office.json()["type"]) == (403, "urn:hadir:problem:auth.needs_person")
    proposed = await running.call("POST", "/rules", json=backdated, subject=ani)
    assert proposed.status_code == 202
    proposal = proposed.json()
    assert proposal["person_days"] == len(proposal["items"]) == 15
    assert {item["work_date"] for item in proposal["items"]} == {"2025-11-05"}
    assert await running.outbox() == []

    approve = f"/proposals/{proposal['proposal_id']}/approve"
    own = await running.call("POST", approve, subject=ani)
    assert own.status_code == 403
    assert (await running.call("POST", approve, subject=budi)).status_code == 200
    assert (await running.call("POST", approve, subject=budi)).status_code == 409
    [(_, key, value)] = await running.outbox()
    assert (key, value["tolerance_minutes"]) == ("2025-11b", 15)


async def test_wrong_policies_are_refused_by_field(running: Desk) -> None:
    await running.small_city()

    async def fields(**change: Any) -> list[str]:
        answer = await running.call("POST", "/policies", json={**STAGE_1, **change})
        assert answer.status_code == 422, answer.text
        return [error["field"] for error in answer.json()["errors"]]

    assert await fields(scope={"opd_codes": ["9.99"]}) == ["scope.opd_codes.0"]
    rotation = {"kind": "rotation", "parameters": {"share": 1.5}}
    assert await fields(**rotation) == ["parameters.share"]
    assert await fields(parameters={"weekdays": [7]}) == ["parameters.weekdays.0"]
    assert await fields(limits={"max_unit_share": 2}) == ["limits.max_unit_share"]
    assert await fields(effective_to="2025-11-01") == ["effective_to"]


async def test_staff_cannot_import_and_an_opd_admin_plans_their_own_opd_only(running: Desk) -> None:
    await running.small_city()
    assert (await running.call("POST", "/imports/opds", role="staff", content=OPDS)).status_code == 403
    body = {"from": "2025-11-06", "to": "2025-11-06", "scope": {"opd_codes": ["1.01"]}, "publish": True}
    mine = await running.call("POST", "/rosters", role="opd_admin", opd="1.01", json=body)
    assert mine.status_code == 201
    other = await running.call("POST", "/rosters", role="opd_admin", opd="4.01", json=body)
    assert (other.status_code, other.json()["errors"][0]["field"]) == (403, "scope")


async def test_a_roster_never_rewrites_a_past_day_by_itself(running: Desk) -> None:
    await running.small_city()
    running.at("2025-11-05 05:00")
    body = {"from": "2025-11-04", "to": "2025-11-06", "scope": {"all": True}, "publish": True}
    late = {**body, "reason": "late start"}
    office = await running.call("POST", "/rosters", json=late, headers=running.office())
    assert (office.status_code, office.json()["type"]) == (403, "urn:hadir:problem:auth.needs_person")
    ani, budi = uuid4(), uuid4()
    silent = await running.call("POST", "/rosters", json=body, subject=ani)
    assert (silent.status_code, silent.json()["errors"][0]["field"]) == (422, "reason")
    assert await running.outbox("schedule.changed.v1") == []

    answer = await running.call("POST", "/rosters", json={**body, "reason": "late start"}, subject=ani)
    assert (answer.status_code, answer.json()["changed"]) == (202, 30)
    proposal = answer.json()["proposal"]
    assert proposal["person_days"] == 15
    days = await running.call("GET", f"/proposals/{proposal['proposal_id']}/person-days")
    assert {(item["work_date"], item["old_mode"], item["new_mode"]) for item in days.json()["items"]} == {
        ("2025-11-04", None, "WFO")
    }
    assert len(await running.outbox("schedule.changed.v1")) == 30
    approve = f"/proposals/{proposal['proposal_id']}/approve"
    assert (await running.call("POST", approve, subject=ani)).status_code == 403
    assert (await running.call("POST", approve, subject=budi)).status_code == 200
    assert len(await running.outbox("schedule.changed.v1")) == 45
    actions = [row["action"] for row in (await running.call("GET", "/audit")).json()["items"]]
    mine = [one for one in actions if not one.startswith("import.")]
    assert mine == ["proposal.approved", "roster.published", "roster.begun", "proposal.made"]
