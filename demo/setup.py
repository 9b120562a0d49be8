"""Before the day: BKPSDM uploads the city, sets rules and policy and publishes the roster, all through HTTP."""

from __future__ import annotations

import asyncio
import time as wall
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from demo.city import City
from demo.client import Client, Who
from demo.expect import Plan, Rules
from demo.imports import catalogue, imports
from demo.ledger import Ledger, instant
from demo.script import REPORT_CUTOFF
from demo.units import rows

PATIENCE_S = 180.0
RULES = {
    "tolerance_minutes": 0,
    "report_modes": ["WFH", "WFO"],
    "report_cutoff": REPORT_CUTOFF.strftime("%H:%M"),
    "review_sla_working_days": 3,
}

Say = Callable[[str], None]


def rules_of_judgement() -> Rules:
    """The rules that are published, as the second opinion reads them."""
    return Rules(
        tolerance_minutes=0,
        report_modes=frozenset({"WFH", "WFO"}),
        report_cutoff=REPORT_CUTOFF,
        review_sla_working_days=3,
        holidays=frozenset(date.fromisoformat(r["date"]) for r in rows("holidays.csv")),
    )


async def offer_tasks(client: Client, officer: Who, say: Say) -> None:
    """The catalogue that reports name their tasks from."""
    tasks = catalogue()
    await client.call(officer, "POST", "/reporting/v1/catalogue/imports", text=tasks)
    say(f"imported the catalogue: {tasks.count(chr(10)) - 1} tasks")


async def import_city(client: Client, officer: Who, city: City, say: Say) -> None:
    """The directory, its hours, the calendar and the absences, as BKPSDM uploads them."""
    for kind, text in imports(city).items():
        began = wall.monotonic()
        await client.call(officer, "POST", f"/scheduling/v1/imports/{kind}", text=text)
        say(f"imported {kind}: {text.count(chr(10)) - 1:,} rows in {wall.monotonic() - began:.1f} s")


async def prepare(client: Client, two: tuple[Who, Who], city: City, day: date, say: Say) -> None:
    """All that a city's first check-in needs, by two officers. Raises Refused where a service refuses."""
    officer, _ = two
    await import_city(client, officer, city, say)
    await client.call(
        officer,
        "POST",
        "/scheduling/v1/rules",
        json={"rules_version": f"demo-{day}", "effective_from": day.isoformat(), **RULES},
    )
    await client.call(officer, "POST", "/scheduling/v1/policies", json=thursday_policy(day))
    began = wall.monotonic()
    night = sorted({u.opd_code for u in city.units.values() if u.timetable == "shift"})
    eve = day - timedelta(days=1)
    if night:
        await _publish_roster(client, two, (eve, eve), {"opd_codes": night})
    await _publish_roster(client, two, (day, day + timedelta(days=3)), {"all": True})
    say(f"published the roster of four days from {day:%d %b} in {wall.monotonic() - began:.1f} s")


def thursday_policy(day: date) -> dict[str, Any]:
    """West Java's stage I (SE 150/KPG.03/BKD of 22 October 2025): Thursdays at home, but for direct service."""
    return {
        "policy_id": "jabar-tahap-1",
        "effective_from": day.isoformat(),
        "effective_to": (day + timedelta(days=24)).isoformat(),
        "scope": {"all": True},
        "kind": "weekday",
        "parameters": {"weekdays": [day.weekday()]},
        "limits": {"never_direct_service": True, "keep_min_staff": True},
    }


async def _publish_roster(
    client: Client, two: tuple[Who, Who], span: tuple[date, date], scope: dict[str, Any]
) -> None:
    """Publish plans; those of shifts that have begun already, as on the eve, take the second officer."""
    body = {
        "from": span[0].isoformat(),
        "to": span[1].isoformat(),
        "scope": scope,
        "publish": True,
        "reason": "Jadwal pertama kota",
    }
    answer = await client.call(two[0], "POST", "/scheduling/v1/rosters", json=body, accept=(201, 202))
    if answer.body["proposal"] is not None:
        await agree(client, two[1], answer.body["proposal"]["proposal_id"])


async def agree(client: Client, second: Who, proposal_id: str) -> None:
    """The second officer's yes to a late change."""
    path = f"/scheduling/v1/proposals/{proposal_id}/approve"
    await client.call(second, "POST", path, json={"reason": "Daftar sudah diperiksa"})


def plan_of(item: dict[str, Any]) -> Plan:
    """A plan as scheduling's lists give it."""
    return Plan(
        UUID(item["employee_id"]),
        item["opd_code"],
        item["unit_id"],
        date.fromisoformat(item["work_date"]),
        item["mode"],
        instant(item["starts_at"]) if item["starts_at"] else None,
        instant(item["ends_at"]) if item["ends_at"] else None,
    )


async def read_plans(client: Client, officer: Who, ledger: Ledger, day: date) -> None:
    """The published plans of the day and its eve."""
    for on in (day - timedelta(days=1), day):
        for item in await client.items(officer, "/scheduling/v1/plans", {"date": on.isoformat()}):
            ledger.publish(plan_of(item))


async def until_the_board_knows(client: Client, officer: Who, day: date, people: int) -> None:
    """Returns when the city board counts so many people with a plan; raises TimeoutError after three minutes."""
    at = {"date": day.isoformat()}
    deadline = wall.monotonic() + PATIENCE_S
    while True:
        shown = (await client.call(officer, "GET", "/reporting/v1/city", params=at)).body["employees"]
        if shown == people:
            return
        if wall.monotonic() > deadline:
            raise TimeoutError(f"the board knows {shown} people with a plan for {day}, and not {people}")
        await asyncio.sleep(0.2)
