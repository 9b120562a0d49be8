"""The slow, obvious reading of product.md section 7: ask of every elementary piece of time what holds in it."""

import datetime as dt
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any
from uuid import UUID

from shared.events import AttendanceRecorded, ScheduleChanged, UnitChanged
from tests.reference.facts import Facts, in_scope
from tests.reference.verdicts import local_instant

MICROSECOND = dt.timedelta(microseconds=1)


@dataclass(frozen=True)
class Stay:
    employee_id: UUID
    unit_id: str
    zone: str
    sure: bool
    """No unverified punch opens or closes it."""
    begin: dt.datetime
    end: dt.datetime


@dataclass(frozen=True)
class Moment:
    required: int
    present_low: int
    present_high: int
    status: str


def stays(facts: Facts, t: dt.datetime) -> list[Stay]:
    """Every presence interval of every plan, as known at `t`."""
    found: list[Stay] = []
    for plan in facts.plans:
        if plan.mode != "WFO" or plan.ends_at is None:
            continue
        punches = sorted(
            (
                punch
                for punch in facts.punches
                if (punch.employee_id, punch.work_date) == (plan.employee_id, plan.work_date)
                and punch.punch_id not in facts.voided
                and punch.at <= t
            ),
            key=lambda punch: (punch.at, punch.kind == "out", punch.punch_id),
        )
        opening = None
        for punch in punches:
            if punch.kind == "in" and opening is None:
                opening = punch
            elif punch.kind == "out" and opening is not None:
                found.append(_stay(plan, opening, punch.at, closing=punch))
                opening = None
        if opening is not None:
            found.append(_stay(plan, opening, plan.ends_at))
    return found


def _stay(
    plan: ScheduleChanged,
    opening: AttendanceRecorded,
    end: dt.datetime,
    *,
    closing: AttendanceRecorded | None = None,
) -> Stay:
    sure = all(punch.time_trust != "unverified" for punch in (opening, closing) if punch is not None)
    return Stay(plan.employee_id, plan.unit_id, opening.zone, sure, opening.at, end)


def moment(facts: Facts, known: list[Stay], unit: UnitChanged, date: dt.date, at: dt.datetime) -> Moment:
    """What holds at a service point at one instant of local `date`."""
    effective = [r for r in unit.requirements if r.effective_from <= date]
    latest = max((r.effective_from for r in effective), default=None)
    open_now = [
        r
        for r in effective
        if r.effective_from == latest
        and (date not in facts.holidays or r.on_holidays)
        and date.weekday() in r.weekdays
        and local_instant(date, r.opens) <= at < local_instant(date, r.closes)
    ]
    required = max((r.min_staff for r in open_now), default=0)
    here = [stay for stay in known if stay.unit_id == unit.unit_id and stay.begin <= at < stay.end]
    low = len({stay.employee_id for stay in here if stay.zone == "office" and stay.sure})
    high = len({stay.employee_id for stay in here if stay.zone in ("office", "uncertain", "unknown")})
    down = any(
        not o.revoked and in_scope(o, unit.opd_code, unit.unit_id) and o.starts_at <= at < o.ends_at
        for o in facts.outages
    )
    if not open_now:
        status = "closed"
    elif low >= required:
        status = "met"
    elif high >= required or down:
        status = "unknown"
    else:
        status = "short"
    return Moment(required, low, high, status)


def timeline(
    facts: Facts, unit: UnitChanged, date: dt.date, t: dt.datetime
) -> list[tuple[dt.datetime, dt.datetime, Moment]]:
    """The span of the date cut where anything can change, equal neighbours joined."""
    begin = local_instant(date, "00:00")
    end = min(local_instant(date, "24:00"), t)
    if end <= begin:
        return []
    known = stays(facts, t)
    cuts = {begin, end}
    cuts |= {instant for stay in known for instant in (stay.begin, stay.end)}
    cuts |= {instant for outage in facts.outages for instant in (outage.starts_at, outage.ends_at)}
    cuts |= {local_instant(date, text) for r in unit.requirements for text in (r.opens, r.closes)}
    pieces: list[tuple[dt.datetime, dt.datetime, Moment]] = []
    for a, b in pairwise(sorted(cut for cut in cuts if begin <= cut <= end)):
        now = moment(facts, known, unit, date, a)
        if pieces and pieces[-1][2] == now:
            pieces[-1] = (pieces[-1][0], b, now)
        else:
            pieces.append((a, b, now))
    return pieces


def ratio(part: int, whole: int) -> float | None:
    return float(Fraction(part, whole)) if whole else None


def coverage(facts: Facts, date: dt.date, t: dt.datetime) -> dict[str, dict[str, Any]]:
    """The figures of product.md section 11 `GET /units`, by unit_id."""
    result: dict[str, dict[str, Any]] = {}
    for unit in facts.units:
        if not unit.is_service_point:
            continue
        spent: dict[str, int] = dict.fromkeys(("met", "unknown", "short", "closed"), 0)
        required = filled = missing = 0
        for a, b, now in timeline(facts, unit, date, t):
            us = (b - a) // MICROSECOND
            spent[now.status] += us
            required += us * now.required
            filled += us * min(now.present_low, now.required)
            missing += us * max(0, now.required - now.present_low)
        open_us = spent["met"] + spent["unknown"] + spent["short"]
        if local_instant(date, "00:00") <= t < local_instant(date, "24:00"):
            now = moment(facts, stays(facts, t), unit, date, t)
        else:
            now = Moment(0, 0, 0, "closed")
        result[unit.unit_id] = {
            "unit_id": unit.unit_id,
            "name": unit.name,
            "opd_code": unit.opd_code,
            "status": now.status,
            "required": now.required,
            "present_low": now.present_low,
            "present_high": now.present_high,
            "open_seconds": open_us / 1e6,
            "met_seconds": spent["met"] / 1e6,
            "unknown_seconds": spent["unknown"] / 1e6,
            "short_seconds": spent["short"] / 1e6,
            "attainment": ratio(spent["met"], open_us),
            "low": ratio(spent["met"], open_us),
            "high": ratio(spent["met"] + spent["unknown"], open_us),
            "fill": ratio(filled, required),
            "short_person_minutes": missing / 60e6,
            "budget_minutes": (1 - unit.slo) * (open_us / 60e6),
            "spent_minutes": spent["short"] / 60e6,
        }
    return result
