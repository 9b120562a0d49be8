"""Why one person-day was judged so: the rule branch, the values it compared, and the facts behind them."""

import datetime as dt
from typing import Any
from uuid import UUID

from services.reporting.domain import figures
from shared.events import DUTIES

_VERDICT = "select * from verdicts($1, $1, $2, $3)"

# The ce_ids of what verdicts() looked at. An event is named by the instants and revisions it was chosen by.
_EVENTS = """
    select 'plan' as what, ce_id from fact_plan where employee_id = $1 and work_date = $2
    union all
    select 'rules', ce_id from fact_rules where rules_version = $3
    union all
    select 'first_in', ce_id from fact_punch where punch_id = $4
    union all
    (select 'last_out', ce_id from fact_punch
    where employee_id = $1 and work_date = $2 and kind = 'out' and at = $5
        and not exists (select from fact_void as void where void.punch_id = fact_punch.punch_id)
    order by fact_punch.punch_id desc limit 1)
    union all
    (select 'certain_in', ce_id from fact_punch
    where employee_id = $1 and work_date = $2 and kind = 'in' and at <= $12
        and $10 = case time_trust when 'unverified' then received_at else at end
        and not exists (select from fact_void as void where void.punch_id = fact_punch.punch_id)
    order by fact_punch.at, fact_punch.punch_id limit 1)
    union all
    (select 'certain_out', ce_id from fact_punch
    where employee_id = $1 and work_date = $2 and kind = 'out' and at = $11 and time_trust <> 'unverified'
        and not exists (select from fact_void as void where void.punch_id = fact_punch.punch_id)
    order by fact_punch.punch_id desc limit 1)
    union all
    (select 'first_report', ce_id from fact_report
    where employee_id = $1 and work_date = $2 and submitted_at = $6
    order by report_revision limit 1)
    union all
    select 'report', ce_id from fact_report where report_id = $7 and report_revision = $8
    union all
    select 'review', ce_id from fact_review
    where report_id = $7 and report_revision = $8 and review_revision = $9
"""
_OUTAGES = """
    select ce_id from fact_outage
    where not revoked and starts_at <= $2 and ends_at >= $1 and scope_contains(scope, $3, $4)
    order by starts_at, outage_id
"""

_HOUR = dt.timedelta(minutes=60)

# What the branches of each duty compare, beside the plan: verdict columns, and facts of _EVENTS.
_LOOKED_AT: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "on_time": (("first_in_at", "deadline"), ("first_in", "rules")),
    "place": (("first_in_at", "first_in_zone"), ("first_in",)),
    "hours": (("first_in_at", "last_out_at", "close_at"), ("first_in", "last_out", "rules")),
    "report": (("first_submitted_at", "cutoff_at"), ("first_report", "rules")),
    "output": (("submitted_at", "decision", "review_due"), ("report", "review")),
    # What was certain decided, which need not be the first check-in nor the last check-out.
    "on_time.in_by_deadline": (("first_in_at", "certain_in_at", "deadline"), ("certain_in", "rules")),
    "on_time.in_unverified": (("first_in_at", "certain_in_at", "deadline"), ("first_in", "rules")),
    "hours.hours_worked": (
        ("first_in_at", "last_out_at", "close_at", "certain_in_at", "certain_out_at"),
        ("certain_in", "certain_out", "rules"),
    ),
}


async def explain(conn: Any, employee_id: UUID, date: dt.date, as_of: dt.datetime) -> dict[str, Any]:
    row = await conn.fetchrow(_VERDICT, date, as_of, [employee_id])
    if row is None:
        nothing: dict[str, Any] = {
            "state": "not_due",
            "because": {"code": "plan.none", "params": {}},
            "event_ids": [],
        }
        return {
            "employee_id": str(employee_id),
            "work_date": date.isoformat(),
            **dict.fromkeys(("mode", "starts_at", "ends_at")),
            "duties": {duty: dict(nothing) for duty in DUTIES},
            "rules_version": None,
            "policy_version": None,
        }
    found = await conn.fetch(
        _EVENTS,
        employee_id,
        date,
        row["rules_version"],
        row["first_in_id"],
        row["last_out_at"],
        row["first_submitted_at"],
        row["report_id"],
        row["report_revision"],
        row["review_revision"],
        row["certain_in_at"],
        row["certain_out_at"],
        as_of,
    )
    events: dict[str, list[str]] = {record["what"]: [str(record["ce_id"])] for record in found}
    return {
        "employee_id": str(employee_id),
        "work_date": date.isoformat(),
        "mode": row["mode"],
        "starts_at": figures.text(row["starts_at"]),
        "ends_at": figures.text(row["ends_at"]),
        "duties": {duty: await _reason(conn, duty, row, events) for duty in DUTIES},
        "rules_version": row["rules_version"],
        "policy_version": row["policy_version"],
    }


async def _reason(conn: Any, duty: str, row: Any, events: dict[str, list[str]]) -> dict[str, Any]:
    branch: str = row[f"{duty}_because"]
    state: str = row[duty]
    if state == "not_due":
        kinds = ("plan", "rules") if branch == "mode_without_report" else ("plan",)
        ids = [ce_id for kind in kinds for ce_id in events.get(kind, [])]
        return {"state": state, "because": {"code": f"{duty}.{branch}", "params": {}}, "event_ids": ids}
    # `place` and `hours` without an `in` follow on_time, `output` without a report follows report.
    source = {"no_in_as_on_time": "on_time", "no_report_as_report": "report"}.get(branch, duty)
    columns, kinds = _LOOKED_AT.get(f"{source}.{row[f'{source}_because']}", _LOOKED_AT[source])
    ids = [ce_id for kind in ("plan", *kinds) for ce_id in events.get(kind, [])]
    if row[f"{source}_because"] == "outage":
        a, b = (
            (row["starts_at"] - _HOUR, row["deadline"])
            if source == "on_time"
            else (row["cutoff_at"] - _HOUR, row["cutoff_at"])
        )
        outages = await conn.fetch(_OUTAGES, a, b, row["opd_code"], row["unit_id"])
        ids += [str(outage["ce_id"]) for outage in outages]
    params = {
        name: figures.text(value) if isinstance(value := row[name], dt.datetime) else value for name in columns
    }
    if duty == "hours" and row["starts_at"] is not None and row["ends_at"] is not None:
        params["required_minutes"] = (row["ends_at"] - row["starts_at"] - row["tolerance"]) / dt.timedelta(
            minutes=1
        )
    return {"state": state, "because": {"code": f"{duty}.{branch}", "params": params}, "event_ids": ids}
