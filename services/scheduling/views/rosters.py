"""What the officer sees of a draft: figures of the whole, and each unit in full where the scope is small."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, cast

from services.scheduling.domain.counters import Shortage
from services.scheduling.domain.frame import Blocked, Draft, UnitRoster
from services.scheduling.domain.planning import MODES, NONE, REASONS, WFH, WFO, UnitInput, public_reason
from services.scheduling.domain.timetable import clock_text

LISTED = 200
"""Entries of `unsatisfied` in an answer; the counts are of all."""


def summary(drafted: Draft) -> dict[str, Any]:
    """Modes, reasons, fairness, and what cannot be satisfied, with the constraint and the hour that block it."""
    modes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for result in drafted.results:
        for rows, names, counts in ((result.modes, MODES, modes), (result.reasons, REASONS, reasons)):
            joined = b"".join(rows)
            for number, name in enumerate(names):
                counts[name] += joined.count(number)
    shortages = [one for result in drafted.results for one in result.shortages]
    blocked = [one for result in drafted.results for one in result.blocked]
    uneven = [result for result in drafted.results if result.spread > 1]
    solved = [result for result in drafted.results if result.solved is not None]
    return {
        "from": drafted.span.first,
        "to": drafted.span.last,
        "person_days": sum(count for name, count in modes.items() if name != MODES[NONE]),
        "modes": {name: count for name, count in modes.items() if count and name != MODES[NONE]},
        "reasons": {name: count for name, count in reasons.items() if count and name != "none"},
        "units": len(drafted.units),
        "spread": max((result.spread for result in drafted.results), default=0),
        "uneven_units": [
            {"unit_id": one.unit_id, "fewest": one.fewest, "most": one.most} for one in uneven[:LISTED]
        ],
        "shortages": len(shortages),
        "blocked": len(blocked),
        "unsatisfied": [shortage_view(one) for one in shortages[:LISTED]]
        + [blocked_view(one) for one in blocked[: max(0, LISTED - len(shortages))]],
        "solved": [_solved(one) for one in solved[:LISTED]],
    }


def _solved(result: UnitRoster) -> dict[str, Any]:
    one = result.solved
    assert one is not None  # noqa: S101 - the caller has looked
    return {
        "unit_id": result.unit_id,
        "status": one.status,
        "seconds": one.seconds,
        "gap": one.gap,
        "wishes": one.wishes,
        "granted": one.granted,
    }


def shortage_view(one: Shortage) -> dict[str, Any]:
    """A minimum that nobody could keep."""
    return {
        "constraint": "min_staff",
        "unit_id": one.unit_id,
        "work_date": one.work_date,
        "from": clock_text(one.start),
        "to": clock_text(one.end),
        "required": one.required,
        "on_site": one.on_site,
        "because": one.because,
    }


def blocked_view(one: Blocked) -> dict[str, Any]:
    """A day on which fewer are at home than the policy asks for."""
    return {
        "constraint": "policy_share",
        "unit_id": one.unit_id,
        "work_date": one.work_date,
        "wanted": one.wanted,
        "given": one.given,
        "blocked_by": one.constraints,
        "hours": [{"from": clock_text(start), "to": clock_text(end)} for start, end in one.hours],
    }


def unit_view(drafted: Draft, unit: UnitInput, result: UnitRoster) -> dict[str, Any]:
    """Every person-day with its reason, and every unit-day with its counter."""
    days = drafted.span.days
    person_days: list[dict[str, Any]] = []
    for person, modes, reasons in zip(unit.people, result.modes, result.reasons, strict=True):
        for number, mode in enumerate(modes):
            if mode == NONE:
                continue
            hours = result.hours[person.pattern][number + 1] if mode in (WFO, WFH) else None
            starts_at, ends_at = hours.on(days[number]) if hours else (None, None)
            person_days.append(
                {
                    "employee_id": person.employee_id,
                    "work_date": days[number],
                    "mode": MODES[mode],
                    "reason": REASONS[reasons[number]],
                    "starts_at": starts_at,
                    "ends_at": ends_at,
                }
            )
    counters: dict[int, list[Mapping[str, Any]]] = {}
    for one in result.segments:
        counters.setdefault(one.day, []).append(
            {
                "from": clock_text(one.start),
                "to": clock_text(one.end),
                "required": one.required,
                "on_site": one.on_site,
            }
        )
    return {
        "unit_id": unit.unit_id,
        "fairness": {"fewest": result.fewest, "most": result.most, "spread": result.spread},
        "person_days": person_days,
        "unit_days": [
            {
                "work_date": day,
                "policy_version": result.policies[number],
                "working": sum(modes[number] in (WFO, WFH) for modes in result.modes),
                "wfh": sum(modes[number] == WFH for modes in result.modes),
                "counter": counters.get(number, []),
            }
            for number, day in enumerate(days)
        ],
        "unsatisfied": [shortage_view(one) for one in result.shortages]
        + [blocked_view(one) for one in result.blocked],
        "solved": result.solved and _solved(result),
    }


def by_day(drafted: Draft) -> list[dict[str, Any]]:
    """How many work and how many of them at home, day by day."""
    rows: list[dict[str, Any]] = []
    for number, day in enumerate(drafted.span.days):
        counts = Counter(modes[number] for result in drafted.results for modes in result.modes)
        working = counts[WFO] + counts[WFH]
        share = round(counts[WFH] / working, 4) if working else None
        rows.append({"work_date": day, "working": working, "wfh": counts[WFH], "wfh_share": share})
    return rows


def comparison(now: Draft, then: Draft) -> dict[str, Any]:
    """What a draft policy would do: person-days that move home or back, and both summaries."""
    moved: Counter[str] = Counter()
    for before, after in zip(now.results, then.results, strict=True):
        for old, new in zip(before.modes, after.modes, strict=True):
            if old != new:
                moved.update(
                    "to_home" if two == WFH else "to_office"
                    for one, two in zip(old, new, strict=True)
                    if one != two
                )
    return {
        "now": summary(now),
        "then": summary(then),
        "by_day": by_day(then),
        "moved": {"to_home": moved["to_home"], "to_office": moved["to_office"]},
    }


def for_reader(answer: Any, *, reasons: bool) -> Any:
    """An answer of this module; without `reasons` for those who may not know what is about a person."""
    if reasons:
        return answer
    if isinstance(answer, list):
        return [for_reader(one, reasons=False) for one in cast("list[Any]", answer)]
    if not isinstance(answer, dict):
        return answer
    found: dict[str, Any] = {}
    for name, value in cast("dict[str, Any]", answer).items():
        if name in ("reasons", "blocked_by"):
            counts = Counter[str]()
            for reason, count in value.items():
                counts[public_reason(reason) or ""] += count
            found[name] = dict(counts)
        elif name == "reason":
            found[name] = public_reason(value)
        else:
            found[name] = for_reader(value, reasons=False)
    return found
