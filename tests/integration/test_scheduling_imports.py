"""Imports that reach into published plans, days that are over, or rows that are stored."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from tests.conftest import DatabaseFor
from tests.kit.scheduling import (
    HOLIDAYS,
    REQUIREMENTS,
    SMALL_CITY,
    Desk,
    desk,
    employee_id,
    employees,
    nip,
)

WEDNESDAY, THURSDAY, FRIDAY = "2025-11-05", "2025-11-06", "2025-11-07"
LEAVE, TRIP, HOLIDAY = "nip,from,to,kind\n", "nip,from,to,letter\n", "date,kind,name\n"
ANI, BUDI = uuid4(), uuid4()


@pytest_asyncio.fixture
async def running(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(await database_for("scheduling"), tmp_path) as one:
        await one.small_city()
        await one.clear_outbox()
        yield one


async def publish(running: Desk, first: str, last: str) -> None:
    body = {"from": first, "to": last, "scope": {"all": True}, "publish": True}
    assert (await running.call("POST", "/rosters", json=body)).status_code == 201
    await running.clear_outbox()


async def yesterday_is_published(running: Desk) -> None:
    """Plans of 5 to 7 November stand, and it is the 6th, before anybody's day has begun."""
    running.at(f"{WEDNESDAY} 05:00")
    await publish(running, WEDNESDAY, FRIDAY)
    running.at(f"{THURSDAY} 05:00")


async def load(running: Desk, kind: str, text: str, **params: Any) -> dict[str, Any]:
    answer = await running.load(kind, text, **params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def changed(running: Desk) -> set[tuple[UUID, str, str, str]]:
    return {
        (UUID(key), value["work_date"], value["mode"], value["reason"])
        for _, key, value in await running.outbox("schedule.changed.v1")
    }


async def test_leave_and_trips_change_the_published_plans_of_their_people_alone(running: Desk) -> None:
    await publish(running, THURSDAY, "2025-11-09")
    answer = await load(running, "leave", f"{LEAVE}{nip(1)},{FRIDAY},2025-11-08,sick\n")
    assert (answer["plans"], answer["below_minimum"]["count"]) == (1, 0)
    assert await changed(running) == {(employee_id(1), FRIDAY, "LEAVE", "leave")}
    await running.clear_outbox()
    trip = f"{TRIP}{nip(2)},{FRIDAY},2025-11-08,800/1\n"
    assert (await load(running, "duty_travel", trip))["plans"] == 2
    assert await changed(running) == {
        (employee_id(2), day, "DUTY_TRAVEL", "duty_travel") for day in (FRIDAY, "2025-11-08")
    }
    await running.clear_outbox()
    assert (await load(running, "duty_travel", trip))["plans"] == 0
    assert await running.outbox() == []
    body = {"from": THURSDAY, "to": "2025-11-09", "scope": {"all": True}, "publish": True}
    assert (await running.call("POST", "/rosters", json=body)).json()["changed"] == 0


async def test_a_counter_that_leave_takes_below_its_minimum_is_named_and_logged(running: Desk) -> None:
    await publish(running, THURSDAY, FRIDAY)
    lines = "".join(f"{nip(number)},{FRIDAY},{FRIDAY},annual\n" for number in (6, 7, 8))
    short = {
        "unit_id": "DISDIK-B",
        "work_date": FRIDAY,
        "from": "08:00",
        "to": "15:00",
        "required": 3,
        "on_site": 2,
    }
    planned = await load(running, "leave", LEAVE + lines, dry_run=True)
    assert (planned["plans"], planned["below_minimum"]) == (3, {"count": 1, "items": [short]})
    assert await running.outbox() == []
    answer = await load(running, "leave", LEAVE + lines)
    assert (answer["plans"], answer["below_minimum"]) == (3, {"count": 1, "items": [short]})
    newest = (await running.call("GET", "/audit")).json()["items"][0]
    assert (newest["action"], newest["detail"]["below_minimum"]) == ("import.leave", [short])


async def test_past_days_of_an_imported_leave_wait_for_a_second_officer(running: Desk) -> None:
    await yesterday_is_published(running)
    text = f"{LEAVE}{nip(1)},{WEDNESDAY},{FRIDAY},sick\n"
    planned = await load(running, "leave", text, dry_run=True)
    assert (planned["past_person_days"], planned["proposal"]) == (1, None)
    silent = await running.call("POST", "/imports/leave", content=text, headers=running.office())
    assert (silent.status_code, silent.json()["type"]) == (403, "urn:hadir:problem:auth.needs_person")
    unexplained = await running.call("POST", "/imports/leave", subject=ANI, content=text)
    assert (unexplained.status_code, unexplained.json()["errors"][0]["field"]) == (422, "reason")
    assert await running.outbox() == []

    given = {"reason": "surat sakit menyusul"}
    answer = await running.call("POST", "/imports/leave", subject=ANI, content=text, params=given)
    assert (answer.status_code, answer.json()["plans"], answer.json()["applied"]) == (202, 2, True)
    proposal = answer.json()["proposal"]
    assert [(one["work_date"], one["new_mode"]) for one in proposal["items"]] == [(WEDNESDAY, "LEAVE")]
    assert {day for _, day, _, _ in await changed(running)} == {THURSDAY, FRIDAY}
    approve = f"/proposals/{proposal['proposal_id']}/approve"
    assert (await running.call("POST", approve, subject=BUDI)).status_code == 200
    assert {day for _, day, _, _ in await changed(running)} == {WEDNESDAY, THURSDAY, FRIDAY}


async def test_a_departure_by_import_frees_the_days_and_names_the_counter(running: Desk) -> None:
    await publish(running, THURSDAY, THURSDAY)
    header, *lines = employees(SMALL_CITY).splitlines()
    gone = {12, 13, 14}
    rows = [f"{line},{'false' if number in gone else 'true'}" for number, line in enumerate(lines)]
    answer = await load(running, "employees", "\n".join([f"{header},active", *rows]))
    assert await changed(running) == {(employee_id(number), THURSDAY, "OFF", "departed") for number in gone}
    [short] = answer["below_minimum"]["items"]
    assert (answer["plans"], short["unit_id"], short["required"], short["on_site"]) == (3, "JATI-1", 2, 1)
    trip = f"{TRIP}{nip(12)},{THURSDAY},{THURSDAY},800/1\n"
    assert (await load(running, "duty_travel", trip))["plans"] == 0


async def test_a_transfer_by_import_lists_the_dates_that_need_a_roster(running: Desk) -> None:
    await publish(running, THURSDAY, FRIDAY)
    text = employees(SMALL_CITY).replace("Pegawai 1,1.01,DISDIK-A", "Pegawai 1,1.01,DISDIK-B")
    answer = await load(running, "employees", text)
    assert answer["needs_roster"]["items"] == [
        {"work_date": THURSDAY, "person_days": 1},
        {"work_date": FRIDAY, "person_days": 1},
    ]


async def test_holidays_are_merged_by_date_and_removed_only_by_replace(running: Desk) -> None:
    added = HOLIDAY + "2025-12-31,collective_leave,Tahun Baru\n2025-12-25,national,Hari Natal\n"
    answer = await load(running, "holidays", added)
    assert answer["kept"]["items"] == [{"date": "2025-12-26", "kind": "collective_leave", "name": "Natal"}]
    assert answer["removed"]["count"] == 0
    [(_, _, value)] = await running.outbox("calendar.changed.v1")
    assert [(one["date"], one["name"]) for one in value["holidays"]] == [
        ("2025-12-25", "Hari Natal"),
        ("2025-12-26", "Natal"),
        ("2025-12-31", "Tahun Baru"),
    ]
    planned = await load(running, "holidays", HOLIDAYS, replace=True, dry_run=True)
    gone = [{"date": "2025-12-31", "kind": "collective_leave", "name": "Tahun Baru"}]
    assert planned["removed"]["items"] == gone
    assert (await load(running, "holidays", HOLIDAYS, replace=True))["removed"]["items"] == gone
    last = (await running.outbox("calendar.changed.v1"))[-1][2]
    assert [one["date"] for one in last["holidays"]] == ["2025-12-25", "2025-12-26"]


async def test_a_new_holiday_lists_the_published_days_that_need_a_roster(running: Desk) -> None:
    await publish(running, THURSDAY, "2025-11-09")
    answer = await load(running, "holidays", f"{HOLIDAY}{FRIDAY},national,Pilkada\n2025-11-09,national,Minggu\n")
    assert answer["needs_roster"] == {"count": 1, "items": [{"work_date": FRIDAY, "person_days": 15}]}
    await publish(running, THURSDAY, "2025-11-09")
    removed = await load(running, "holidays", f"{HOLIDAY}2025-11-09,national,Minggu\n", replace=True)
    assert removed["needs_roster"]["items"] == [{"work_date": FRIDAY, "person_days": 15}]


async def test_requirements_name_the_rows_they_drop_and_the_days_that_need_a_roster(running: Desk) -> None:
    await publish(running, THURSDAY, THURSDAY)
    header = REQUIREMENTS.splitlines()[0]
    text = f"{header}\nJATI-1,2025-11-06,0;1;2;3;4,08:00,15:00,3,false\n"
    assert (await load(running, "requirements", text))["removed"]["count"] == 0
    answer = await load(running, "requirements", text.replace("15:00,3", "14:00,3"))
    assert answer["removed"]["items"] == [
        {
            "unit_id": "JATI-1",
            "effective_from": THURSDAY,
            "weekdays": [0, 1, 2, 3, 4],
            "opens": "08:00",
            "closes": "15:00",
            "min_staff": 3,
            "on_holidays": False,
        }
    ]
    assert answer["needs_roster"]["items"] == [{"work_date": THURSDAY, "person_days": 4}]


@pytest.mark.parametrize(
    ("kind", "text", "days"),
    [
        ("holidays", f"{HOLIDAY}{WEDNESDAY},national,Libur\n", 15),
        ("requirements", REQUIREMENTS.replace("2025-01-01", WEDNESDAY).replace("15:00,3", "15:00,4"), 9),
    ],
)
async def test_a_file_that_alters_published_days_of_the_past_waits_for_a_second_officer(
    running: Desk, kind: str, text: str, days: int
) -> None:
    await yesterday_is_published(running)
    planned = await load(running, kind, text, dry_run=True)
    assert (planned["applied"], planned["past_person_days"]) == (False, days)
    nameless = await running.call("POST", f"/imports/{kind}", content=text, headers=running.office())
    assert nameless.status_code == 403
    streamed = await running.load(kind, text, progress=True)
    assert json.loads(streamed.text.splitlines()[-1])["status"] == 422
    given = {"reason": "terlambat diumumkan"}
    answer = await running.call("POST", f"/imports/{kind}", subject=ANI, content=text, params=given)
    assert (answer.status_code, answer.json()["applied"]) == (202, False)
    proposal = answer.json()["proposal"]
    assert {one["work_date"] for one in proposal["items"]} == {WEDNESDAY}
    assert len(proposal["items"]) == proposal["person_days"] == days
    assert await running.outbox() == []

    approve = f"/proposals/{proposal['proposal_id']}/approve"
    assert (await running.call("POST", approve, subject=ANI)).status_code == 403
    assert (await running.call("POST", approve, subject=BUDI)).status_code == 200
    assert {topic for topic, _, _ in await running.outbox()} <= {"calendar.changed.v1", "directory.unit.v1"}
    assert await running.outbox() != []
    assert (await load(running, kind, text))["changes"] == []


async def test_a_proposed_import_is_not_approved_over_what_changed_meanwhile(running: Desk) -> None:
    await yesterday_is_published(running)
    given = {"reason": "terlambat diumumkan"}
    text = f"{HOLIDAY}{WEDNESDAY},national,Libur\n"
    answer = await running.call("POST", "/imports/holidays", subject=ANI, content=text, params=given)
    await load(running, "holidays", f"{HOLIDAY}2025-12-31,national,Lain\n")
    path = f"/proposals/{answer.json()['proposal']['proposal_id']}"
    stale = await running.call("POST", f"{path}/approve", subject=BUDI)
    assert (stale.status_code, stale.json()["type"]) == (409, "urn:hadir:problem:proposal.import_changed")
    assert (await running.call("POST", f"{path}/refuse", subject=BUDI)).status_code == 200


async def test_past_dates_without_published_plans_are_taken_at_once(running: Desk) -> None:
    await yesterday_is_published(running)
    holiday = await load(running, "holidays", f"{HOLIDAY}2025-08-18,collective_leave,Kemerdekaan\n")
    assert (holiday["applied"], holiday["changed"]) == (True, 1)
    superseded = REQUIREMENTS.replace("2025-01-01", "2024-01-01")
    assert (await load(running, "requirements", superseded))["created"] == 2
    renamed = f"{HOLIDAY}2025-08-18,national,Cuti bersama\n"
    assert (await load(running, "holidays", renamed))["applied"] is True


@pytest.mark.parametrize(
    ("kind", "text", "found"),
    [
        ("employees", employees({"DISDIK-A": ("9.99", 6)}), "import.unknown_opd"),
        (
            "employees",
            employees(SMALL_CITY).replace("0,1.01,DISDIK-A,,", f"0,1.01,DISDIK-A,{nip(2)},"),
            "import.supervisor_loop",
        ),
        ("employees", employees(SMALL_CITY).replace(nip(1), nip(2)), "import.twice"),
        ("requirements", REQUIREMENTS.replace("15:00,3", "15:00,6"), "import.minimum_above_size"),
        ("leave", f"{LEAVE}{nip(1)},{FRIDAY},{THURSDAY},annual\n", "import.to_before_from"),
        (
            "leave",
            f"{LEAVE}{nip(1)},{THURSDAY},{FRIDAY},annual\n{nip(1)},{FRIDAY},{FRIDAY},annual\n",
            "import.overlaps_row",
        ),
    ],
)
async def test_a_file_with_one_fault_changes_nothing(running: Desk, kind: str, text: str, found: str) -> None:
    await publish(running, THURSDAY, FRIDAY)
    async with running.db.read() as tx:
        before = [await tx.connection.fetch(f"select * from {table} order by 1") for table in TABLES]  # noqa: S608
    answer = await running.load(kind, text)
    assert answer.status_code == 422
    assert found in {one["code"] for one in answer.json()["errors"]}
    assert await running.outbox() == []
    async with running.db.read() as tx:
        after = [await tx.connection.fetch(f"select * from {table} order by 1") for table in TABLES]  # noqa: S608
    assert before == after


TABLES = ("opd", "unit", "requirement", "employee", "calendar", "absence", "audit")


async def test_a_sick_note_in_a_file_splits_the_annual_leave_that_it_interrupts(running: Desk) -> None:
    await publish(running, THURSDAY, FRIDAY)
    await load(running, "leave", f"{LEAVE}{nip(1)},{THURSDAY},2025-11-14,annual\n")
    sick = f"{LEAVE}{nip(1)},{FRIDAY},{FRIDAY},sick\n{nip(1)},2025-11-12,2025-11-13,sick\n"
    for dry_run in (True, False):
        answer = await load(running, "leave", sick, dry_run=dry_run)
        assert (answer["created"], answer["plans"]) == (2, 0)
        assert answer["removed"]["items"][0]["to_date"] == "2025-11-14"
    window = {"from": THURSDAY, "to": "2025-11-14"}
    stored = (await running.call("GET", "/absences", params=window)).json()["items"]
    assert [(one["from_date"][-2:], one["to_date"][-2:], one["kind"]) for one in stored] == [
        ("06", "06", "annual"),
        ("07", "07", "sick"),
        ("08", "11", "annual"),
        ("12", "13", "sick"),
        ("14", "14", "annual"),
    ]
    trip = await running.load("duty_travel", f"nip,from,to\n{nip(1)},2025-11-14,2025-11-14\n")
    assert trip.status_code == 422, "nothing else gives way"
