"""The check at the end of the day: equal boards pass, and any other figure is named."""

import copy
from datetime import date, datetime, time
from typing import Any, cast

import pytest

from demo.board import Expected, differences, expected
from demo.city import City, build
from demo.client import Answer, Client, Who
from demo.expect import WIB, Plan
from demo.ledger import Ledger
from demo.script import PunchStep, script
from demo.setup import rules_of_judgement

DAY = date(2025, 11, 6)
NOON = datetime.combine(DAY, time(12), WIB)


class Board:
    """A reporting service that shows what it is given."""

    def __init__(self, shown: Expected) -> None:
        self.shown = shown

    async def call(self, who: Who, method: str, path: str, **_: Any) -> Answer:
        assert path == "/reporting/v1/city"
        return Answer(200, self.shown.city, 0.0)

    async def items(self, who: Who, path: str, params: Any = None) -> list[Any]:
        if path.endswith("/people"):
            people = self.shown.people[path.split("/")[-2]]
            return [{"employee_id": str(k), **v} for k, v in people.items()]
        if path.endswith("/opds"):
            return [{"opd_code": code, **view} for code, view in self.shown.opds.items()]
        return list(self.shown.units.values())


@pytest.fixture(scope="module")
def want() -> Expected:
    city: City = build(600)
    ledger = Ledger()
    for e in city.employees.values():
        hours = (datetime.combine(DAY, time(7, 30), WIB), datetime.combine(DAY, time(16), WIB))
        ledger.publish(Plan(e.employee_id, e.opd_code, e.unit_id, DAY, "WFO", *hours))
    for step in script(city, [d.plan for d in ledger.days.values()], DAY, 1):
        if isinstance(step, PunchStep):
            receipt = {
                "punch_id": step.tap.punch_id,
                "work_date": str(DAY),
                "kind": step.tap.kind,
                "at": step.at.isoformat(),
                "received_at": step.at.isoformat(),
                "zone": "office",
                "time_trust": "server",
            }
            ledger.punched(step.employee_id, receipt, wall=0.0, played=DAY)
    return expected(city, ledger, rules_of_judgement(), DAY, NOON)


async def seen(shown: Expected, want: Expected) -> list[str]:
    return await differences(cast(Client, Board(shown)), Who("bkpsdm"), want, DAY, NOON)


async def test_a_board_that_shows_what_the_receipts_imply_passes(want: Expected) -> None:
    assert want.city["duties"]["on_time"]["met"] > 400
    assert await seen(copy.deepcopy(want), want) == []


async def test_one_person_judged_otherwise_is_found_and_named(want: Expected) -> None:
    shown = copy.deepcopy(want)
    who, person = next((k, v) for k, v in shown.people["KEC01"].items() if v["duties"]["on_time"] == "met")
    person["duties"]["on_time"] = "unknown"
    (line,) = await seen(shown, want)
    assert str(who) in line
    assert "on_time: expected 'met', the board shows 'unknown'" in line


async def test_one_second_of_coverage_too_many_is_found(want: Expected) -> None:
    shown = copy.deepcopy(want)
    shown.units["KEC01-DURENJAYA"]["met_seconds"] += 1
    (line,) = await seen(shown, want)
    assert "KEC01-DURENJAYA met_seconds" in line


async def test_a_person_too_many_and_a_person_too_few_are_found(want: Expected) -> None:
    shown = copy.deepcopy(want)
    shown.people["KEC02"][next(iter(want.people["KEC03"]))] = {"mode": "WFO", "duties": {}}
    shown.people["KEC01"].popitem()
    shown.units["KEC01-GHOST"] = {**shown.units["KEC01-DURENJAYA"], "unit_id": "KEC01-GHOST"}
    assert len(await seen(shown, want)) == 3


async def test_a_city_that_counts_one_too_few_is_found(want: Expected) -> None:
    shown = copy.deepcopy(want)
    shown.city["duties"]["on_time"]["met"] -= 1
    assert len(await seen(shown, want)) == 1
