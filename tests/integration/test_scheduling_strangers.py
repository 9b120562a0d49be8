"""Doors that are given people, units and dates that do not exist answer with a reason and write nothing."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from tests.conftest import DatabaseFor
from tests.kit.scheduling import SMALL_CITY, STAGE_1, Desk, desk, employee_id, employees, nip

DAY = "2025-11-10"
STRANGER, OTHER = str(uuid4()), str(uuid4())
ASSESSED: dict[str, Any] = {
    "subject_kind": "unit",
    "subject_id": "X",
    "assessed_on": DAY,
    "remote_tasks": 1,
    "digital_service": 1,
    "supervision": 1,
    "connection": 1,
    "minimum_staff": 1,
    "evidence": {},
}
HOURS: dict[str, Any] = {"name": "x", "from": DAY, "timetable": "five_day", "weekdays": {"0": ["08:00", "14:00"]}}


@pytest_asyncio.fixture
async def running(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(await database_for("scheduling"), tmp_path) as one:
        await one.small_city()
        yield one


ME: dict[str, Any] = {"role": "staff", "subject": UUID(STRANGER)}
KNOWN = str(employee_id(1))
CALLS: list[tuple[str, str, Any, dict[str, Any]]] = [
    ("POST", "/me/calendar", None, ME),
    ("DELETE", "/me/calendar", None, ME),
    ("GET", "/me/calendar.ics", None, ME),
    ("PUT", f"/me/wishes/{DAY}", {"mode": "WFH"}, ME),
    ("DELETE", f"/me/wishes/{DAY}", None, ME),
    ("PUT", "/me/wishes/9999-12-31", {"mode": "WFH"}, {"role": "staff", "subject": employee_id(1)}),
    ("POST", "/me/swaps", {"partner_id": OTHER, "my_date": DAY, "their_date": "2025-11-11"}, ME),
    ("POST", "/me/swaps", {"partner_id": KNOWN, "my_date": DAY, "their_date": "9999-12-31"}, ME),
    ("POST", f"/swaps/{OTHER}/agree", None, ME),
    ("POST", f"/swaps/{OTHER}/approve", {}, ME),
    ("POST", f"/swaps/{OTHER}/refuse", None, ME),
    ("POST", f"/employees/{STRANGER}/postings", {"kind": "departure", "effective_from": DAY}, {}),
    ("GET", f"/employees/{STRANGER}/postings", None, {}),
    (
        "POST",
        f"/employees/{KNOWN}/postings",
        {"kind": "post", "effective_from": DAY, "supervisor_id": STRANGER},
        {},
    ),
    (
        "POST",
        f"/employees/{KNOWN}/postings",
        {"kind": "post", "effective_from": DAY, "heads": [f"U{n}" for n in range(201)]},
        {},
    ),
    ("POST", f"/postings/{STRANGER}/cancel", None, {}),
    ("PUT", f"/employees/{STRANGER}/remote-places", {"places": []}, {}),
    ("POST", f"/employees/{STRANGER}/erase", {"reason": "permintaan"}, {}),
    (
        "POST",
        "/acting",
        {"absent_id": STRANGER, "deputy_id": KNOWN, "kind": "PLH", "from": DAY, "to": DAY},
        {},
    ),
    (
        "POST",
        "/acting",
        {"absent_id": KNOWN, "deputy_id": STRANGER, "kind": "PLH", "from": DAY, "to": DAY},
        {},
    ),
    ("POST", f"/acting/{STRANGER}/end", None, {}),
    (
        "POST",
        "/absences",
        {"employee_id": STRANGER, "category": "leave", "kind": "annual", "from": DAY, "to": DAY},
        {},
    ),
    (
        "POST",
        "/absences/end",
        {"employee_id": STRANGER, "category": "leave", "kind": "annual", "from": DAY, "to": DAY},
        {},
    ),
    (
        "POST",
        "/plans/settle",
        {"moves": [{"employee_id": STRANGER, "work_date": DAY, "mode": "WFO"}], "reason": "perintah"},
        {},
    ),
    ("POST", "/units/X/apart", {"employee_ids": [STRANGER, OTHER], "reason": "satu tugas"}, {}),
    ("POST", "/units/DISDIK-A/apart", {"employee_ids": [KNOWN, STRANGER], "reason": "satu tugas"}, {}),
    ("POST", "/readiness", ASSESSED, {}),
    ("POST", "/readiness", ASSESSED | {"subject_kind": "opd"}, {}),
    ("POST", "/hours", HOURS | {"unit_ids": ["X"]}, {}),
    ("POST", "/hours", HOURS | {"opd_codes": ["X"]}, {}),
    ("POST", f"/hours/{STRANGER}/withdraw", None, {}),
    ("POST", "/policies", STAGE_1 | {"scope": {"opd_codes": ["X"]}}, {}),
    ("POST", "/policies/x/withdraw", None, {}),
    ("GET", "/policies/x/versions", None, {}),
    ("POST", "/rosters", {"from": DAY, "to": DAY, "scope": {"unit_ids": ["X"]}}, {}),
    ("GET", f"/rosters/{STRANGER}", None, {}),
    ("GET", f"/proposals/{STRANGER}/person-days", None, {}),
    ("POST", f"/proposals/{STRANGER}/approve", None, {"subject": employee_id(1)}),
    ("GET", "/units/X/plans?from=2025-11-10&to=2025-11-10", None, {}),
    ("GET", "/opds/X/wfh?date=2025-11-10", None, {}),
    ("GET", "/employees?without_superior=true&unit_id=X", None, {}),
]


async def test_what_does_not_exist_is_said_and_never_a_crash(running: Desk) -> None:
    found: dict[str, int] = {}
    for method, path, body, who in CALLS:
        answer = await running.call(method, path, **({"json": body} if body is not None else {}), **who)
        found[f"{method} {path} {body}"] = answer.status_code
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json", path
    assert {call: status for call, status in found.items() if status >= 500} == {}
    written = {call: status for call, status in found.items() if call.startswith(("POST", "PUT")) and status < 400}
    assert written == {}


def changes_of(someone: str) -> dict[str, dict[str, Any]]:
    """By door, the body of a change of what concerns the person."""
    leave = {"employee_id": someone, "category": "leave", "kind": "annual", "from": DAY, "to": DAY}
    return {
        "/absences": leave,
        "/absences/end": leave,
        "/plans/settle": {
            "moves": [{"employee_id": someone, "work_date": DAY, "mode": "WFO"}],
            "reason": "perintah",
        },
        "/units/DISDIK-A/apart": {"employee_ids": [someone, OTHER], "reason": "satu tugas"},
    }


@pytest.mark.fault(31)
async def test_an_opd_admin_cannot_tell_another_opd_s_people_from_nobody(running: Desk) -> None:
    admin: dict[str, Any] = {"role": "opd_admin", "subject": UUID(OTHER)}
    for opd in ("9.99", None):
        for path in changes_of(KNOWN):
            known, unknown = [
                await running.call("POST", path, json=changes_of(someone)[path], opd=opd, **admin)
                for someone in (KNOWN, STRANGER)
            ]
            assert (known.status_code, unknown.status_code) == (403, 403), path
            assert known.json() == unknown.json(), path


async def test_files_beyond_what_an_event_may_carry_are_refused_by_row(running: Desk) -> None:
    header = "unit_id,effective_from,weekdays,opens,closes,min_staff,on_holidays\n"
    days = [f"{1900 + n // 28 // 12}-{n // 28 % 12 + 1:02d}-{n % 28 + 1:02d}" for n in range(9_000)]
    many = header + "".join(f"JATI-1,{day},0;1,08:00,15:00,1,false\n" for day in days)
    answer = await running.load("requirements", many)
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["row"], error["column"], error["code"]) == (201, "unit_id", "import.requirements")
    assert "JATI-1" in error["message"]
    long = f"nip,from,to,letter\n{nip(1)},{DAY},{DAY},{'x' * 101}\n"
    assert (await running.load("duty_travel", long)).json()["errors"][0]["column"] == "letter"


@pytest.mark.fault(28)
@pytest.mark.parametrize(
    "given",
    ["19850330200312100", "1985033020031210077", "19850330200312100x", "１９８５０３３０２００３１２１００７"],
)
async def test_a_number_that_is_no_nip_is_named_by_its_cell_and_neither_stored_nor_logged(
    running: Desk, given: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    await running.clear_outbox()
    answer = await running.load("employees", employees(SMALL_CITY).replace(nip(14), given))
    assert answer.status_code == 422
    assert {(error["column"], error["code"]) for error in answer.json()["errors"]} == {("nip", "nip.length")}
    assert given not in caplog.text
    assert await running.outbox() == []


@pytest.mark.fault(35)
@pytest.mark.parametrize(
    ("first", "last", "field"),
    [
        ("2025-11-07", "2025-11-06", "to"),
        ("2015-11-06", "2025-11-06", "to"),
        ("2025-02-29", "2025-03-01", "from"),
        ("2024-02-29", "2024-03-01", None),
    ],
)
async def test_a_period_that_is_reversed_endless_or_of_no_calendar_is_refused_by_its_field(
    running: Desk, first: str, last: str, field: str | None
) -> None:
    answer = await running.call("GET", f"/me/plans?from={first}&to={last}", role="staff", subject=employee_id(1))
    assert answer.status_code == (200 if field is None else 422)
    assert [error["field"] for error in answer.json().get("errors", [])] == ([field] if field else [])
