"""The slow, obvious reading of product.md section 6. The program never imports it; its tests do."""

import datetime as dt
from uuid import UUID
from zoneinfo import ZoneInfo

from shared.events import AttendanceRecorded, RulesChanged, ScheduleChanged
from tests.reference.facts import Facts, in_scope

WIB = ZoneInfo("Asia/Jakarta")
MINUTE = dt.timedelta(minutes=1)
Verdict = dict[str, str]


def local_instant(date: dt.date, text: str) -> dt.datetime:
    """The instant of local wall time `HH:MM[:SS]` on `date`; 24:00 is the next midnight."""
    hours, minutes, seconds = (int(part) for part in (text + ":00").split(":")[:3])
    midnight = dt.datetime.combine(date, dt.time(), WIB)
    return midnight + dt.timedelta(hours=hours, minutes=minutes, seconds=seconds)


def rules_in_force(facts: Facts, date: dt.date) -> RulesChanged:
    in_force = [rules for rules in facts.rules if rules.effective_from <= date]
    if not in_force:
        return RulesChanged(
            rules_version="none",
            effective_from=date,
            tolerance_minutes=0,
            report_modes=["WFO", "WFH"],
            report_cutoff="23:59:59",
            review_sla_working_days=3,
        )
    return max(in_force, key=lambda rules: (rules.effective_from, rules.rules_version))


def midnight_ending_working_day(facts: Facts, after: dt.date, n: int) -> dt.datetime:
    day = after
    while n > 0:
        day += dt.timedelta(days=1)
        if day.weekday() < 5 and day not in facts.holidays:
            n -= 1
    return local_instant(day, "24:00")


def verdict(facts: Facts, employee_id: UUID, work_date: dt.date, t: dt.datetime) -> Verdict:
    """The five states of one person-day as of `t`."""
    plans = [p for p in facts.plans if (p.employee_id, p.work_date) == (employee_id, work_date)]
    if not plans or plans[0].mode in ("LEAVE", "OFF"):
        return dict.fromkeys(("on_time", "place", "hours", "report", "output"), "not_due")
    plan = plans[0]
    rules = rules_in_force(facts, work_date)
    states: Verdict = {}
    if plan.mode == "DUTY_TRAVEL":
        states["on_time"] = states["place"] = states["hours"] = "not_due"
    else:
        _attendance(facts, plan, rules, t, states)
    if plan.mode in rules.report_modes:
        _reporting(facts, plan, rules, t, states)
    else:
        states["report"] = states["output"] = "not_due"
    return states


def _overlaps(facts: Facts, plan: ScheduleChanged, a: dt.datetime, b: dt.datetime) -> bool:
    return any(
        not outage.revoked
        and in_scope(outage, plan.opd_code, plan.unit_id)
        and outage.starts_at <= b
        and outage.ends_at >= a
        for outage in facts.outages
    )


def _attendance(facts: Facts, plan: ScheduleChanged, rules: RulesChanged, t: dt.datetime, states: Verdict) -> None:
    assert plan.starts_at is not None
    assert plan.ends_at is not None
    tolerance = rules.tolerance_minutes * MINUTE
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
    first = next((punch for punch in punches if punch.kind == "in"), None)
    deadline = plan.starts_at + tolerance
    ins = [certain for punch in punches if punch.kind == "in" and (certain := counts_for_certain(punch))]
    outs = [certain for punch in punches if punch.kind == "out" and (certain := counts_for_certain(punch))]

    if any(certain <= deadline for certain in ins):
        states["on_time"] = "met"
    elif first is None and t <= deadline:
        states["on_time"] = "pending"
    elif first is not None and first.at <= deadline:  # noqa: SIM114 - the rule's own steps
        states["on_time"] = "unknown"
    elif _overlaps(facts, plan, plan.starts_at - 60 * MINUTE, deadline):
        states["on_time"] = "unknown"
    else:
        states["on_time"] = "not_met"

    if first is None:
        states["place"] = states["hours"] = "pending" if t <= plan.ends_at else states["on_time"]
        return

    by_zone = {
        "WFO": {"office": "met", "remote": "not_met", "elsewhere": "not_met"},
        "WFH": {"office": "met", "remote": "met", "elsewhere": "not_met"},
    }
    states["place"] = by_zone[plan.mode].get(first.zone, "unknown")

    required = plan.ends_at - plan.starts_at - tolerance
    close = max(local_instant(plan.work_date, "24:00"), plan.ends_at + 240 * MINUTE)
    last = next((p for p in reversed(punches) if p.kind == "out" and p.at > first.at), None)
    if ins and outs and max(outs) > min(ins) and max(outs) - min(ins) >= required:
        states["hours"] = "met"
    elif last is not None and last.at - first.at >= required:
        states["hours"] = "unknown"
    elif t < close:
        states["hours"] = "pending"
    else:
        states["hours"] = "not_met" if last is not None else "unknown"


def counts_for_certain(punch: AttendanceRecorded) -> dt.datetime | None:
    """The instant at which a punch counts for certain; None: at none."""
    if punch.time_trust != "unverified":
        return punch.at
    return punch.received_at if punch.kind == "in" else None


def _reporting(facts: Facts, plan: ScheduleChanged, rules: RulesChanged, t: dt.datetime, states: Verdict) -> None:
    day = plan.ends_at.astimezone(WIB).date() if plan.ends_at is not None else plan.work_date
    cutoff = local_instant(day, rules.report_cutoff)
    reports = [
        report
        for report in facts.reports
        if (report.employee_id, report.work_date) == (plan.employee_id, plan.work_date)
        and report.submitted_at <= t
    ]
    if reports and min(report.submitted_at for report in reports) <= cutoff:
        states["report"] = "met"
    elif t <= cutoff:
        states["report"] = "pending"
    elif _overlaps(facts, plan, cutoff - 60 * MINUTE, cutoff):
        states["report"] = "unknown"
    else:
        states["report"] = "not_met"

    if not reports:
        states["output"] = "pending" if t <= cutoff else states["report"]
        return
    judged = max(reports, key=lambda report: report.revision)
    reviews = [
        review
        for review in facts.reviews
        if (review.report_id, review.report_revision) == (judged.report_id, judged.revision)
        and review.reviewed_at <= t
    ]
    if reviews:
        review = max(reviews, key=lambda review: review.revision)
        accepted = sum(item.accepted_quantity for item in review.items)
        states["output"] = "met" if review.decision == "accepted" and accepted > 0 else "not_met"
        return
    end = midnight_ending_working_day(
        facts, judged.submitted_at.astimezone(WIB).date(), rules.review_sla_working_days
    )
    states["output"] = "pending" if t < end else "unknown"
