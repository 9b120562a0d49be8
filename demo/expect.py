"""What the board must show, worked out from the receipts alone.

A second opinion: written from the rules (docs/rules.md) and sharing no code with the services, it takes the plans
that were published and what the HTTP answers said (`at`, `zone`, how far the time can be
believed, `submitted_at`, decisions) and nothing else.
Slow and obvious on purpose. The tests hold the SQL against it too, on random small worlds.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from shared.events import DUTIES

WIB = ZoneInfo("Asia/Jakarta")
STATES = ("met", "not_met", "unknown", "pending", "not_due")
MINUTE, MICROSECOND = timedelta(minutes=1), timedelta(microseconds=1)


@dataclass(frozen=True)
class Plan:
    employee_id: UUID
    opd_code: str
    unit_id: str
    work_date: date
    mode: str
    starts_at: datetime | None
    ends_at: datetime | None


@dataclass(frozen=True)
class Punch:
    punch_id: str
    work_date: date
    kind: str
    at: datetime
    zone: str
    received_at: datetime | None = None
    """When it was handed over; None: at once."""
    verified: bool = True
    """Whether `at` can be relied on. If not, a check-in is sure from its receipt on and a check-out never."""

    @property
    def sure_from(self) -> datetime | None:
        if self.verified:
            return self.at
        return (self.received_at or self.at) if self.kind == "in" else None

    @property
    def order(self) -> tuple[datetime, str, str]:
        return (self.at, self.kind, self.punch_id)  # "in" sorts before "out"


@dataclass(frozen=True)
class Review:
    report_revision: int
    revision: int
    reviewed_at: datetime
    decision: str
    accepted: float


@dataclass(frozen=True)
class Report:
    revision: int
    submitted_at: datetime


@dataclass(frozen=True)
class Outage:
    starts_at: datetime
    ends_at: datetime
    everyone: bool = False
    opd_codes: frozenset[str] = frozenset()
    unit_ids: frozenset[str] = frozenset()

    def concerns(self, opd_code: str, unit_id: str) -> bool:
        return self.everyone or opd_code in self.opd_codes or unit_id in self.unit_ids

    def overlaps(self, first: datetime, last: datetime) -> bool:
        return self.starts_at <= last and self.ends_at >= first

    def covers(self, instant: datetime) -> bool:
        return self.starts_at <= instant < self.ends_at


@dataclass(frozen=True)
class Rules:
    tolerance_minutes: int
    report_modes: frozenset[str]
    report_cutoff: time
    review_sla_working_days: int
    holidays: frozenset[date]


@dataclass
class Day:
    """One person-day: the plan and what the receipts said."""

    plan: Plan
    punches: list[Punch] = field(default_factory=list[Punch])
    reports: list[Report] = field(default_factory=list[Report])
    reviews: list[Review] = field(default_factory=list[Review])


# ---- the five duties


def verdicts(day: Day, outages: list[Outage], rules: Rules, as_of: datetime) -> dict[str, str]:
    """The state of each duty of a person-day at `as_of`."""
    plan = day.plan
    states: dict[str, str] = dict.fromkeys(DUTIES, "not_due")
    if plan.mode in ("LEAVE", "OFF"):
        return states
    here = [o for o in outages if o.concerns(plan.opd_code, plan.unit_id)]
    punches = sorted((p for p in day.punches if p.at <= as_of), key=lambda p: p.order)
    if plan.mode in ("WFO", "WFH"):
        states |= _presence_duties(plan, punches, here, rules, as_of)
    if plan.mode in rules.report_modes:
        states["report"], states["output"] = _report_duties(day, here, rules, as_of)
    return states


def _presence_duties(
    plan: Plan, punches: list[Punch], outages: list[Outage], rules: Rules, t: datetime
) -> dict[str, str]:
    starts, ends = plan.starts_at, plan.ends_at
    if starts is None or ends is None:
        raise ValueError(f"the plan of {plan.employee_id} for {plan.work_date} has no hours")
    tolerance = rules.tolerance_minutes * MINUTE
    deadline = starts + tolerance
    first = next((p for p in punches if p.kind == "in"), None)
    came = min((p.sure_from for p in punches if p.kind == "in" and p.sure_from), default=None)
    left = max((p.sure_from for p in punches if p.kind == "out" and p.sure_from), default=None)

    if came is not None and came <= deadline:
        on_time = "met"
    elif first is None and t <= deadline:
        on_time = "pending"
    else:
        excused = any(o.overlaps(starts - 60 * MINUTE, deadline) for o in outages)
        on_time = "unknown" if excused or (first is not None and first.at <= deadline) else "not_met"

    if first is None:
        waiting = "pending" if t <= ends else on_time
        return {"on_time": on_time, "place": waiting, "hours": waiting}

    if first.zone in ("uncertain", "unknown"):
        place = "unknown"
    else:
        place = "met" if first.zone in {"WFO": ("office",), "WFH": ("office", "remote")}[plan.mode] else "not_met"

    last = max((p.at for p in punches if p.kind == "out" and p.at > first.at), default=None)
    owed = ends - starts - tolerance
    if came is not None and left is not None and left > came and left - came >= owed:
        hours = "met"
    elif last is not None and last - first.at >= owed:
        hours = "unknown"
    elif t < max(_midnight_after(plan.work_date), ends + 4 * 60 * MINUTE):
        hours = "pending"
    else:
        hours = "not_met" if last is not None else "unknown"
    return {"on_time": on_time, "place": place, "hours": hours}


def _report_duties(day: Day, outages: list[Outage], rules: Rules, t: datetime) -> tuple[str, str]:
    plan = day.plan
    due_on = plan.ends_at.astimezone(WIB).date() if plan.ends_at else plan.work_date
    cutoff = datetime.combine(due_on, rules.report_cutoff, WIB)
    reports = [r for r in day.reports if r.submitted_at <= t]

    if any(r.submitted_at <= cutoff for r in reports):
        report = "met"
    elif t <= cutoff:
        report = "pending"
    elif any(o.overlaps(cutoff - 60 * MINUTE, cutoff) for o in outages):
        report = "unknown"
    else:
        report = "not_met"

    if not reports:
        return report, "pending" if t <= cutoff else report
    latest = max(reports, key=lambda r: r.revision)
    reviews = [v for v in day.reviews if v.report_revision == latest.revision and v.reviewed_at <= t]
    if reviews:
        decisive = max(reviews, key=lambda v: v.revision)
        return report, "met" if decisive.decision == "accepted" and decisive.accepted > 0 else "not_met"
    return report, "pending" if t < _review_due(latest.submitted_at, rules) else "unknown"


def _midnight_after(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time.min, WIB)


def _review_due(submitted_at: datetime, rules: Rules) -> datetime:
    day, left = submitted_at.astimezone(WIB).date(), rules.review_sla_working_days
    while left > 0:
        day += timedelta(days=1)
        if day.weekday() < 5 and day not in rules.holidays:
            left -= 1
    return _midnight_after(day)


# ---- figures over many person-days


def figures(states: Iterable[dict[str, str]]) -> dict[str, dict[str, float | int | None]]:
    """For each duty the number of person-days in each state, and the rate with its bounds and 95 % interval."""
    counts: dict[str, Counter[str]] = {duty: Counter() for duty in DUTIES}
    for one in states:
        for duty, state in one.items():
            counts[duty][state] += 1
    return {duty: rates(counts[duty]) for duty in DUTIES}


def rates(count: Counter[str]) -> dict[str, float | int | None]:
    c, n, u = count["met"], count["not_met"], count["unknown"]
    low, high = wilson(c, c + n)
    return {
        **{state: count[state] for state in STATES},
        "rate": _ratio(c, c + n),
        "low": _ratio(c, c + n + u),
        "high": _ratio(c + u, c + n + u),
        "n": c + n,
        "wilson_low": low,
        "wilson_high": high,
    }


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def wilson(successes: int, n: int) -> tuple[float | None, float | None]:
    """The 95 % interval of Wilson (1927) for a share; (None, None) for n = 0."""
    if n == 0:
        return None, None
    z, p = 1.959963984540054, successes / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


# ---- coverage


@dataclass(frozen=True)
class Opening:
    """A requirement in force on the date: local hours of that date, and how many people."""

    weekdays: frozenset[int]
    opens: datetime
    closes: datetime
    min_staff: int
    on_holidays: bool


@dataclass(frozen=True)
class ServicePoint:
    """One service point: its openings and its objective."""

    unit_id: str
    opd_code: str
    openings: tuple[Opening, ...]
    slo: float


Presences = dict[UUID, list[tuple[datetime, datetime, str]]]
"""The intervals in which each person was in."""


@dataclass(frozen=True)
class Moment:
    """What a service point needs and has at one instant."""

    required: int
    present_low: int
    present_high: int
    status: str


def presences(days: list[Day], as_of: datetime) -> Presences:
    people: Presences = {}
    for day in days:
        people.setdefault(day.plan.employee_id, []).extend(presence(day, as_of))
    return people


def presence(day: Day, as_of: datetime) -> list[tuple[datetime, datetime, str]]:
    """The intervals in which a person was in, each with the zone of the punch that opened it; where an office
    interval begins or ends by a time that cannot be relied on, `unsure`."""
    if day.plan.mode != "WFO" or day.plan.ends_at is None:
        return []
    found: list[tuple[datetime, datetime, str]] = []

    def where(*ends: Punch) -> str:
        return "unsure" if ends[0].zone == "office" and not all(p.verified for p in ends) else ends[0].zone

    opened: Punch | None = None
    for punch in sorted((p for p in day.punches if p.at <= as_of), key=lambda p: p.order):
        if punch.kind == "in" and opened is None:
            opened = punch
        elif punch.kind == "out" and opened is not None:
            found.append((opened.at, punch.at, where(opened, punch)))
            opened = None
    if opened is not None:
        found.append((opened.at, day.plan.ends_at, where(opened)))
    return found


def moment(
    point: ServicePoint, people: Presences, outages: list[Outage], *, on: date, holiday: bool, at: datetime
) -> Moment:
    """What holds at a service point at one instant of the local date `on`."""
    open_now = [
        o
        for o in point.openings
        if on.weekday() in o.weekdays and (o.on_holidays or not holiday) and o.opens <= at < o.closes
    ]
    required = max((o.min_staff for o in open_now), default=0)
    zones_of = [{zone for begin, end, zone in stays if begin <= at < end} for stays in people.values()]
    low = sum("office" in zones for zones in zones_of)
    high = sum(bool(zones & {"office", "unsure", "uncertain", "unknown"}) for zones in zones_of)
    down = any(o.concerns(point.opd_code, point.unit_id) and o.covers(at) for o in outages)
    if not open_now:
        return Moment(0, low, high, "closed")
    if low >= required:
        return Moment(required, low, high, "met")
    return Moment(required, low, high, "unknown" if high >= required or down else "short")


def timeline(
    point: ServicePoint, days: list[Day], outages: list[Outage], *, on: date, holiday: bool, as_of: datetime
) -> list[tuple[datetime, datetime, Moment]]:
    """The local date `on` up to `as_of`, cut where anything can change, equal neighbours joined.
    `days` are the person-days, of whatever work date, whose plan names the unit."""
    starts = datetime.combine(on, time.min, WIB)
    ends = min(_midnight_after(on), max(starts, as_of))
    people = presences(days, as_of)
    edges = {starts, ends} | {edge for o in point.openings for edge in (o.opens, o.closes)}
    edges |= {edge for o in outages for edge in (o.starts_at, o.ends_at)}
    edges |= {edge for stays in people.values() for begin, end, _ in stays for edge in (begin, end)}
    pieces: list[tuple[datetime, datetime, Moment]] = []
    for begin, end in pairwise(sorted(edge for edge in edges if starts <= edge <= ends)):
        now = moment(point, people, outages, on=on, holiday=holiday, at=begin)
        joined = bool(pieces) and pieces[-1][2] == now
        pieces.append((pieces.pop()[0] if joined else begin, end, now))
    return pieces


def coverage(
    point: ServicePoint, days: list[Day], outages: list[Outage], *, on: date, holiday: bool, as_of: datetime
) -> dict[str, Any]:
    """The figures of one service point for one date, and its state at `as_of`; seconds are exact."""
    lengths: Counter[str] = Counter()
    wanted = filled = missing = 0
    for begin, end, now in timeline(point, days, outages, on=on, holiday=holiday, as_of=as_of):
        length = (end - begin) // MICROSECOND
        lengths[now.status] += length
        wanted += now.required * length
        filled += min(now.present_low, now.required) * length
        missing += max(0, now.required - now.present_low) * length
    met, unknown, short = (lengths[status] for status in ("met", "unknown", "short"))
    opened = met + unknown + short
    now = Moment(0, 0, 0, "closed")
    if datetime.combine(on, time.min, WIB) <= as_of < _midnight_after(on):
        now = moment(point, presences(days, as_of), outages, on=on, holiday=holiday, at=as_of)
    return {
        "unit_id": point.unit_id,
        "opd_code": point.opd_code,
        "status": now.status,
        "required": now.required,
        "present_low": now.present_low,
        "present_high": now.present_high,
        "open_seconds": opened / 1e6,
        "met_seconds": met / 1e6,
        "unknown_seconds": unknown / 1e6,
        "short_seconds": short / 1e6,
        "attainment": _ratio(met, opened),
        "low": _ratio(met, opened),
        "high": _ratio(met + unknown, opened),
        "fill": _ratio(filled, wanted),
        "short_person_minutes": missing / 60e6,
        "budget_minutes": (1 - point.slo) * (opened / 60e6),
        "spent_minutes": short / 60e6,
    }


def coverage_of_many(units: list[dict[str, Any]]) -> dict[str, Any]:
    """The coverage of an agency or the city: service points by status, and summed met over summed open."""
    statuses = Counter(u["status"] for u in units)
    return {
        "open": len(units) - statuses["closed"],
        **{s: statuses[s] for s in ("met", "short", "unknown", "closed")},
        "attainment": _ratio(sum(u["met_seconds"] for u in units), sum(u["open_seconds"] for u in units)),
    }
