"""Months of people over HTTP, on real servers: what counts, who sees it, and files for payroll."""

import csv
import datetime as dt
import io
from typing import Any
from uuid import UUID, uuid4

import pytest
from pyarrow import parquet as pq

from shared.events import AttendanceRecorded
from tests.kit.reporting import COUNTER, DAY, OPD, OTHER_OPD, Running, Staff, at, employee, plan

MONTH = "2025-11"
OF_OPD = f"/reporting/v1/opds/{OPD}/months/{MONTH}"
RATES = "/reporting/v1/allowance/rates"
FILE = (
    "kind,from_minutes,rate\nlate,1,0.005\nlate,31,0.01\nearly,1,0.005\nabsent,,0.04\nreport,,0.01\noutput,,0.2\n"
)


def punch(person: UUID, kind: Any, clock: str, date: dt.date) -> AttendanceRecorded:
    instant = at(clock, date)
    return AttendanceRecorded(
        punch_id=uuid4(),
        employee_id=person,
        opd_code=OPD,
        unit_id=COUNTER,
        work_date=date,
        kind=kind,
        at=instant,
        received_at=instant,
        zone="office",
        source="app",
    )


def of_person(person: UUID, month: str = MONTH) -> str:
    return f"/reporting/v1/people/{person}/months/{month}"


async def test_a_month_says_what_counts_and_why(service: Running, staff: Staff) -> None:
    """Late by 42 minutes, gone 30 early, four days not there, a leave that breaks the row, a day to come."""
    person, first = uuid4(), dt.date(2025, 11, 10)
    days = [first + dt.timedelta(nth) for nth in range(7)]
    await service.fold(
        employee(person, OPD, COUNTER, supervisor_id=staff.supervisor),
        plan(person, OPD, COUNTER, "WFO", days[0]),
        punch(person, "in", "08:12:59", days[0]),
        punch(person, "out", "17:00", days[0]),
        plan(person, OPD, COUNTER, "WFH", days[1]),
        punch(person, "in", "07:30", days[1]),
        punch(person, "out", "15:29:01", days[1]),
        *(plan(person, OPD, COUNTER, "WFO", day) for day in days[2:4]),
        plan(person, OPD, COUNTER, "OFF", days[4]),
        plan(person, OPD, COUNTER, "WFO", days[5]),
        plan(person, OPD, COUNTER, "LEAVE", days[6]),
        plan(person, OPD, COUNTER, "WFO", dt.date(2025, 11, 17)),
        plan(person, OPD, COUNTER, "WFO", dt.date(2025, 11, 28)),
        # Of the year before November.
        plan(person, OPD, COUNTER, "WFO", dt.date(2025, 10, 1)),
        punch(person, "in", "14:00", dt.date(2025, 10, 1)),
        punch(person, "out", "16:00", dt.date(2025, 10, 1)),
    )
    service.clock.set(at("08:00", dt.date(2025, 11, 20)))
    async with service.caller("staff", person) as client:
        client.headers["accept-language"] = "en"
        answer = (await client.get(of_person(person))).json()
        before = (await client.get(of_person(person), params={"as_of": "2025-11-12T20:00:00+07:00"})).json()
        october = (await client.get(of_person(person, "2025-10"))).json()
    assert answer["person_days"] == {"WFO": 6, "WFH": 1, "DUTY_TRAVEL": 0, "LEAVE": 1, "OFF": 1}
    assert answer["duties"]["on_time"] == {"met": 1, "not_met": 5, "unknown": 0, "pending": 1, "not_due": 2}
    assert (answer["late_minutes"], answer["early_minutes"]) == (42, 30)
    assert answer["hours"] == pytest.approx((8 * 3600 + 47 * 60 + 1 + 7 * 3600 + 59 * 60 + 1) / 3600)
    assert (answer["absent_days"], answer["absent_days_year"], answer["minutes_year"]) == (4, 4, 42 + 30 + 390)
    assert (answer["counted_days_year"], answer["longest_absence"]) == (5, 3)
    assert (answer["sanction_level"], answer["standing"]) == ("light_2", "preview")
    assert [
        (one["work_date"], one["late_minutes"], one["early_minutes"], one["absent"]) for one in answer["dates"]
    ] == [
        ("2025-10-01", 390, 0, False),
        ("2025-11-10", 42, 0, False),
        ("2025-11-11", 0, 30, False),
        ("2025-11-12", 0, 0, True),
        ("2025-11-13", 0, 0, True),
        ("2025-11-15", 0, 0, True),
        ("2025-11-17", 0, 0, True),
    ]
    assert [because["code"] for because in answer["dates"][1]["because"]] == ["on_time.in_after_deadline"]
    assert answer["dates"][1]["because"][0]["text"] == "Checked in 42 minutes after the start."
    assert [because["code"] for because in answer["dates"][3]["because"]] == [
        "on_time.no_in",
        "hours.no_in_as_on_time",
    ]
    assert "4 days absent, and 1 days of 462 minutes" in answer["explained"]
    assert "decide nothing" in answer["note"]
    assert (before["absent_days"], before["longest_absence"]) == (1, 1)
    assert (october["absent_days_year"], october["minutes_year"], october["standing"]) == (0, 390, "final")


async def test_the_opds_page_the_persons_answer_and_the_files_say_the_same(service: Running, staff: Staff) -> None:
    service.clock.set(at("08:00", dt.date(2025, 12, 2)))
    async with (
        service.caller("opd_admin", uuid4(), OPD) as admin,
        service.caller("bkpsdm", uuid4()) as agency,
        service.caller("supervisor", staff.supervisor) as superior,
    ):
        given = await agency.post(
            RATES, params={"rates_version": "a", "effective_from": "2025-11-01"}, content=FILE
        )
        again = await agency.post(
            RATES, params={"rates_version": "a", "effective_from": "2025-11-01"}, content=FILE
        )
        page = (await admin.get(OF_OPD)).json()
        items, cursor = list[Any](), None
        for _ in range(5):
            some = (await admin.get(OF_OPD, params={"limit": 1} | ({"cursor": cursor} if cursor else {}))).json()
            items += some["items"]
            cursor = some["next"]
        person = (await superior.get(of_person(staff.late))).json()
        opd_csv = await admin.get(OF_OPD, params={"format": "csv"})
        city_csv = await agency.get(f"/reporting/v1/months/{MONTH}")
        twice = [(await agency.get(f"/reporting/v1/months/{MONTH}?format=parquet")).content for _ in range(2)]
        rates = (await superior.get(RATES)).json()
    assert (given.status_code, again.status_code) == (201, 200)
    assert [one["rates_version"] for one in rates["items"]] == ["a"]
    assert (items, cursor) == (page["items"], None)
    assert [item["employee_id"] for item in items] == sorted(
        str(one) for one in (staff.head, staff.supervisor, staff.acting, staff.clerk, staff.late)
    )
    of_late = next(item for item in items if item["employee_id"] == str(staff.late))
    assert of_late == {name: person[name] for name in of_late}
    assert of_late["allowance"]["share"] == pytest.approx(1 - 0.005 - 0.01 - 0.2)
    assert of_late["allowance"]["deductions"] == [
        {"kind": "late", "from_minutes": 1, "rate": 0.005, "times": 1, "share": 0.005},
        {"kind": "report", "from_minutes": None, "rate": 0.01, "times": 1, "share": 0.01},
        {"kind": "output", "from_minutes": None, "rate": 0.2, "times": 1, "share": 0.2},
    ]
    assert opd_csv.headers["content-type"] == "text/csv; charset=utf-8"
    of_file = {row["employee_id"]: row for row in csv.DictReader(io.StringIO(opd_csv.text))}
    assert list(of_file) == [item["employee_id"] for item in items]
    row = of_file[str(staff.late)]
    assert (row["late_minutes"], row["on_time_not_met"], row["days_wfo"]) == ("11", "1", "1")
    assert (row["sanction_level"], row["rates_version"]) == ("", "a")
    everyone = [row["employee_id"] for row in csv.DictReader(io.StringIO(city_csv.text))]
    assert everyone == sorted([*of_file, str(staff.elsewhere)])
    assert twice[0] == twice[1]
    table = pq.ParquetFile(io.BytesIO(twice[0])).read().to_pylist()  # pyright: ignore[reportUnknownMemberType] - its stubs leave it open
    assert [str(row["employee_id"]) for row in table] == everyone
    by_text = {name: "" if value is None else str(value) for name, value in table[0].items()}
    assert by_text == next(csv.DictReader(io.StringIO(city_csv.text)))


async def test_what_cannot_be_asked_for_is_refused_with_the_mend(service: Running, staff: Staff) -> None:
    async with (
        service.caller("bkpsdm", uuid4()) as agency,
        service.caller("opd_admin", uuid4(), OTHER_OPD) as other,
        service.caller("council", uuid4()) as council,
        service.caller("staff", staff.clerk) as colleague,
    ):
        agency.headers["accept-language"] = "en"
        wrong = {
            "2025-13": await agency.get(of_person(staff.late, "2025-13")),
            "2025-12": await agency.get(of_person(staff.late, "2025-12")),
            "2025-10": await agency.get(of_person(staff.late, "2025-10")),
            "soon": await agency.get(f"/reporting/v1/months/{DAY.year}-{DAY.month + 1}"),
        }
        closed = {
            "another OPD's": await other.get(OF_OPD),
            "council, OPD": await council.get(OF_OPD),
            "council, city": await council.get(f"/reporting/v1/months/{MONTH}"),
            "council, person": await council.get(of_person(staff.late)),
            "another OPD's person": await other.get(of_person(staff.late)),
            "a colleague": await colleague.get(of_person(staff.late)),
            "the whole city for an admin": await other.get(f"/reporting/v1/months/{MONTH}"),
        }
        bad = "kind,from_minutes,rate\nlate,,0.01\nabsent,5,1.5\nholiday,,0.1\nreport,,0.00000001\nreport,,0.1\n"
        asked = {"rates_version": "b", "effective_from": "2025-11-01"}
        rates = await agency.post(RATES, params=asked, content=bad)
        dry = await agency.post(RATES, params={**asked, "dry_run": "true"}, content=FILE)
        stored = await agency.post(RATES, params=asked, content=FILE)
        other_content = await agency.post(RATES, params=asked, content=FILE.replace("0.04", "0.05"))
        audit = (await agency.get("/reporting/v1/audit", params={"action": "allowance"})).json()["items"]
    assert {name: answer.status_code for name, answer in wrong.items()} == dict.fromkeys(wrong, 422)
    assert {answer.json()["errors"][0]["field"] for answer in wrong.values()} == {"month"}
    assert {name: answer.status_code for name, answer in closed.items()} == {
        "another OPD's": 403,
        "council, OPD": 403,
        "council, city": 403,
        "council, person": 404,
        "another OPD's person": 404,
        "a colleague": 404,
        "the whole city for an admin": 403,
    }
    told = {(error["row"], error["column"]): error["code"] for error in rates.json()["errors"]}
    assert told == {
        (2, "from_minutes"): "import.required",
        (3, "from_minutes"): "allowance.no_band",
        (3, "rate"): "allowance.rate",
        (4, "kind"): "import.choice",
        (5, "rate"): "allowance.decimals",
    }
    assert [answer.status_code for answer in (rates, dry, stored, other_content)] == [422, 200, 201, 409]
    assert [(row["subject"], row["action"]) for row in audit] == [("b", "allowance.given")]
