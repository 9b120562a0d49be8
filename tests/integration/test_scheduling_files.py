"""Files of the directory against a running service: what they keep, clear, end and leave behind."""

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from tests.conftest import DatabaseFor
from tests.integration.scheduling_kit import SMALL_CITY, Desk, desk, employee_id, employees, nip

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
