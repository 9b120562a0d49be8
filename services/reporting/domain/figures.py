"""Pure rules of the views: rates with their bounds, coverage figures, ids of transitions. No clock, no I/O."""

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from shared.events import DUTIES, Duty

STATES = ("met", "not_met", "unknown", "pending", "not_due")
MODES = ("WFO", "WFH", "DUTY_TRAVEL", "LEAVE", "OFF")
COVERAGE_STATUSES = ("met", "short", "unknown", "closed")

Z_95 = 1.959963984540054
"""The two-sided 95 % quantile of the normal distribution."""

MICROSECONDS = 1_000_000


def wilson(successes: int, n: int) -> tuple[float, float] | None:
    """Wilson's 95 % score interval of a proportion; None without observations.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference (1927).
    """
    if n == 0:
        return None
    p = successes / n
    denominator = 1 + Z_95**2 / n
    centre = (p + Z_95**2 / (2 * n)) / denominator
    half = Z_95 * math.sqrt(p * (1 - p) / n + Z_95**2 / (4 * n**2)) / denominator
    return max(0.0, centre - half), min(1.0, centre + half)


def ratio(part: int, whole: int) -> float | None:
    """part / whole, correctly rounded; None when there is no whole."""
    return part / whole if whole else None


def rate(counts: Mapping[str, int]) -> dict[str, Any]:
    """A duty's states counted, with rate, bounds, n and Wilson's interval (product.md section 6, Rates)."""
    met, not_met, unknown = counts.get("met", 0), counts.get("not_met", 0), counts.get("unknown", 0)
    n = met + not_met
    interval = wilson(met, n)
    return {
        **{state: counts.get(state, 0) for state in STATES},
        "rate": ratio(met, n),
        "low": ratio(met, n + unknown),
        "high": ratio(met + unknown, n + unknown),
        "n": n,
        "wilson_low": interval[0] if interval else None,
        "wilson_high": interval[1] if interval else None,
    }


def compliance(groups: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts of equal person-days (mode, five states, `n`) summed into employees, modes and duties."""
    modes = dict.fromkeys(MODES, 0)
    counts: dict[Duty, dict[str, int]] = {duty: {} for duty in DUTIES}
    employees = 0
    for group in groups:
        n = group["n"]
        employees += n
        modes[group["mode"]] = modes.get(group["mode"], 0) + n
        for duty in DUTIES:
            state = group[duty]
            counts[duty][state] = counts[duty].get(state, 0) + n
    return {
        "employees": employees,
        "modes": modes,
        "duties": {duty: rate(counts[duty]) for duty in DUTIES},
    }


def coverage_summary(units: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Service points by status, and attainment = sum of met / sum of open (product.md section 7)."""
    counts = dict.fromkeys(COVERAGE_STATUSES, 0)
    met_us = open_us = 0
    for unit in units:
        counts[unit["status"]] += 1
        met_us += unit["met_us"]
        open_us += unit["open_us"]
    return {
        "open": counts["met"] + counts["short"] + counts["unknown"],
        **counts,
        "attainment": ratio(met_us, open_us),
    }


def coverage_figures(unit: Mapping[str, Any]) -> dict[str, Any]:
    """One service point's day as people read it, from whole microseconds (product.md section 7)."""
    open_us, met_us, unknown_us, short_us = (
        int(unit[name]) for name in ("open_us", "met_us", "unknown_us", "short_us")
    )
    attainment = ratio(met_us, open_us)
    return {
        "unit_id": unit["unit_id"],
        "name": unit["name"],
        "opd_code": unit["opd_code"],
        "status": unit["status"],
        "required": unit["required"],
        "present_low": unit["present_low"],
        "present_high": unit["present_high"],
        "open_seconds": open_us / MICROSECONDS,
        "met_seconds": met_us / MICROSECONDS,
        "unknown_seconds": unknown_us / MICROSECONDS,
        "short_seconds": short_us / MICROSECONDS,
        "attainment": attainment,
        "low": attainment,
        "high": ratio(met_us + unknown_us, open_us),
        "fill": ratio(int(unit["filled_us"]), int(unit["required_us"])),
        "short_person_minutes": int(unit["missing_us"]) / (60 * MICROSECONDS),
        "budget_minutes": (1 - unit["slo"]) * (open_us / (60 * MICROSECONDS)),
        "spent_minutes": short_us / (60 * MICROSECONDS),
    }


def merged(pieces: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Consecutive pieces of one service point's day, equal neighbours joined, empty ones left out."""
    segments: list[dict[str, Any]] = []
    for piece in pieces:
        if piece["from_at"] == piece["until_at"]:
            continue
        what = {name: piece[name] for name in ("required", "present_low", "present_high", "status")}
        last = segments[-1] if segments else None
        if last is not None and all(last[name] == value for name, value in what.items()):
            last["to"] = piece["until_at"]
        else:
            segments.append({"from": piece["from_at"], "to": piece["until_at"], **what})
    return segments


def transition_id(topic: str, key: str, revision: int) -> UUID:
    """The one event id of one transition, the same whoever computes it and however often.

    `key` names what changed: `<employee_id>/<work_date>/<duty>` or `<unit_id>`.
    """
    return uuid5(NAMESPACE_URL, f"urn:hadir:{topic}:{key}:{revision}")


def text(instant: dt.datetime | None) -> str | None:
    """RFC 3339 in UTC, as every view writes an instant."""
    return None if instant is None else instant.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
