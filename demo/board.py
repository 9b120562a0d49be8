"""Compares what the board shows with what the receipts imply, figure by figure and person by person."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, cast
from uuid import UUID

from demo.city import City
from demo.client import Client, Who
from demo.expect import (
    WIB,
    Day,
    Opening,
    Rules,
    ServicePoint,
    coverage,
    coverage_of_many,
    figures,
    verdicts,
)
from demo.ledger import Ledger

MOST_LINES = 40
AT_ONCE = 6


def service_points(city: City, day: date) -> list[ServicePoint]:
    """The city's service points with the openings of one date."""

    def at(text: str) -> datetime:
        if text == "24:00":
            return datetime.combine(date.fromordinal(day.toordinal() + 1), time.min, WIB)
        return datetime.combine(day, time.fromisoformat(text), WIB)

    return [
        ServicePoint(
            unit.unit_id,
            unit.opd_code,
            tuple(
                Opening(
                    frozenset(int(w) for w in h.weekdays.split(";")),
                    at(h.opens),
                    at(h.closes),
                    unit.min_staff,
                    on_holidays=h.on_holidays,
                )
                for h in city.hours[unit.pattern or ""]
            ),
            unit.slo,
        )
        for unit in city.service_points()
    ]


@dataclass
class Expected:
    """The views of one date at one instant, as the receipts imply them."""

    city: dict[str, Any]
    opds: dict[str, dict[str, Any]]
    people: dict[str, dict[UUID, dict[str, Any]]]
    units: dict[str, dict[str, Any]]


def expected(city: City, ledger: Ledger, rules: Rules, day: date, as_of: datetime) -> Expected:
    days = ledger.plans(day)
    states = {d.plan.employee_id: verdicts(d, ledger.outages, rules, as_of) for d in days}
    posted: dict[str, list[Day]] = {}
    for d in ledger.days.values():
        posted.setdefault(d.plan.unit_id, []).append(d)
    units = {
        p.unit_id: coverage(
            p, posted.get(p.unit_id, []), ledger.outages, on=day, holiday=day in rules.holidays, as_of=as_of
        )
        for p in service_points(city, day)
    }

    def view(some: list[Day], points: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "date": day.isoformat(),
            "employees": len(some),
            "modes": dict(Counter(d.plan.mode for d in some)),
            "duties": figures(states[d.plan.employee_id] for d in some),
            "coverage": coverage_of_many(points),
        }

    opds: dict[str, dict[str, Any]] = {}
    people: dict[str, dict[UUID, dict[str, Any]]] = {}
    for code in city.opds:
        of_opd = [d for d in days if d.plan.opd_code == code]
        opds[code] = view(of_opd, [u for u in units.values() if u["opd_code"] == code])
        people[code] = {
            d.plan.employee_id: {"mode": d.plan.mode, "duties": states[d.plan.employee_id]} for d in of_opd
        }
    return Expected(view(days, list(units.values())), opds, people, units)


async def differences(client: Client, who: Who, want: Expected, day: date, as_of: datetime) -> list[str]:
    """Every place where the board shows something else, in words; empty when all is as it must be."""
    at = {"date": day.isoformat(), "as_of": as_of.isoformat()}
    clock = as_of.astimezone(WIB).strftime("%d %b %H:%M:%S")
    city = (await client.call(who, "GET", "/reporting/v1/city", params=at)).body
    opds = {o["opd_code"]: o for o in await client.items(who, "/reporting/v1/opds", at)}
    units = {u["unit_id"]: u for u in await client.items(who, "/reporting/v1/units", at)}
    found = compare(want.city, city, f"city at {clock}")
    found += compare_all(want.opds, opds, f"OPD at {clock}")
    found += compare_all(want.units, units, f"unit at {clock}")
    agencies = asyncio.Semaphore(AT_ONCE)

    async def people_of(code: str) -> list[str]:
        async with agencies:
            items = await client.items(who, f"/reporting/v1/opds/{code}/people", at)
        return compare_all(want.people[code], {UUID(p["employee_id"]): p for p in items}, f"{code} at {clock}")

    for lines in await asyncio.gather(*(people_of(code) for code in want.people)):
        found += lines
    return found


def compare_all(want: Mapping[Any, Any], got: Mapping[Any, Any], where: str) -> list[str]:
    """Differences between two collections by id: what is missing, what is too many, what is not the same."""
    extra = [f"{where} {key}: shown and not expected" for key in got if key not in want]
    return extra + compare(dict(want), dict(got), where)


def compare(want: Any, got: Any, where: str) -> list[str]:
    """Differences between an expected value and the one shown; a dict may show more, never less or other.
    Figures are exact sums of floats: equal means equal but for the last digits."""
    if isinstance(want, dict):
        if not isinstance(got, dict):
            return [f"{where}: expected an object, the board shows {got!r}"]
        found: list[str] = []
        shown = cast("dict[str, Any]", got)
        for key, value in cast("dict[str, Any]", want).items():
            if key not in shown and value != 0:  # a mode that nobody has need not be listed
                found.append(f"{where} {key}: expected {value!r}, the board shows nothing")
            else:
                found += compare(value, shown.get(key, value), f"{where} {key}")
        return found
    if isinstance(want, float) and isinstance(got, int | float):
        return [] if math.isclose(want, got, rel_tol=1e-6, abs_tol=1e-4) else [_unlike(where, want, got)]
    return [] if want == got else [_unlike(where, want, got)]


def _unlike(where: str, want: Any, got: Any) -> str:
    return f"{where}: expected {want!r}, the board shows {got!r}"
