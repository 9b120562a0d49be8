"""One person's date: how it was judged, and the facts behind it. And who belongs where."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from services.reporting.store import planner
from shared.access import SUPERIOR
from shared.database import Tx
from shared.events import DUTIES, Duty, Mode, State

_VERDICT = "select * from verdicts($1, $1, $2, $3)"

# The ce_ids of what verdicts() looked at. An event is named by the instants and revisions it was chosen by.
_EVENTS = """
    select 'plan' as what, ce_id, false as verified from fact_plan where employee_id = $1 and work_date = $2
    union all
    select 'rules', ce_id, false from fact_rules where rules_version = $3
    union all
    select 'first_in', ce_id, time_trust = 'verified' from fact_punch where punch_id = $4
    union all
    (select 'last_out', ce_id, time_trust = 'verified' from fact_punch
    where employee_id = $1 and work_date = $2 and kind = 'out' and at = $5
        and not exists (select from fact_void as void where void.punch_id = fact_punch.punch_id)
    order by fact_punch.punch_id desc limit 1)
    union all
    (select 'certain_in', ce_id, time_trust = 'verified' from fact_punch
    where employee_id = $1 and work_date = $2 and kind = 'in' and at <= $12
        and $10 = case time_trust when 'unverified' then received_at else at end
        and not exists (select from fact_void as void where void.punch_id = fact_punch.punch_id)
    order by fact_punch.at, fact_punch.punch_id limit 1)
    union all
    (select 'certain_out', ce_id, time_trust = 'verified' from fact_punch
    where employee_id = $1 and work_date = $2 and kind = 'out' and at = $11 and time_trust <> 'unverified'
        and not exists (select from fact_void as void where void.punch_id = fact_punch.punch_id)
    order by fact_punch.punch_id desc limit 1)
    union all
    (select 'first_report', ce_id, false from fact_report
    where employee_id = $1 and work_date = $2 and submitted_at = $6
    order by report_revision limit 1)
    union all
    select 'report', ce_id, false from fact_report where report_id = $7 and report_revision = $8
    union all
    select 'review', ce_id, false from fact_review
    where report_id = $7 and report_revision = $8 and review_revision = $9
"""
_OUTAGES = """
    select ce_id from fact_outage
    where not revoked and starts_at <= $2 and ends_at >= $1 and scope_contains(scope, $3, $4)
    order by starts_at, outage_id
"""
_OPDS = """
    select opd_code from fact_plan where employee_id = $1 and work_date between $2 and $3
    union select opd_code from fact_employee where employee_id = $1 and not erased
"""
_SUPERIORS = f"""
    select officer.employee_id from fact_employee person, fact_employee officer
    where person.employee_id = $1 and not person.erased and not officer.erased and {SUPERIOR}
"""  # noqa: S608 - a constant of shared


# A name is found by the beginnings of its words, in any order.
_FOUND = """
    select person.employee_id, person.name, person.opd_code, person.unit_id, unit.name as unit_name
    from fact_employee as person left join fact_unit as unit using (unit_id)
    where not person.erased and ($1::text is null or person.opd_code = $1)
        and (cardinality($3::uuid[]) = 0 or person.employee_id = any($3::uuid[]))
        and not exists (
            select from unnest($2::text[]) as part(begin)
            where not (' ' || lower(coalesce(person.name, ''))) ~ ('[^[:alnum:]]' || part.begin)
        )
    order by person.name, person.employee_id limit $4
"""


class Somebody(NamedTuple):
    """A person of the directory, and where they belong."""

    employee_id: UUID
    name: str | None
    opd_code: str | None
    unit_id: str | None
    unit_name: str | None


class Evidence(NamedTuple):
    """A fact that a verdict looked at: its event, and of a punch whether its time is a device's, verified."""

    ce_id: UUID
    verified: bool


class Verdict(NamedTuple):
    """A row of verdicts(): the state of each duty, the rule that gave each, and what the rules looked at."""

    employee_id: UUID
    work_date: dt.date
    opd_code: str
    unit_id: str
    mode: Mode
    starts_at: dt.datetime | None
    ends_at: dt.datetime | None
    policy_version: str | None
    rules_version: str | None
    states: dict[Duty, State]
    because: dict[Duty, str]
    tolerance: dt.timedelta
    deadline: dt.datetime | None
    close_at: dt.datetime
    cutoff_at: dt.datetime
    first_in_id: UUID | None
    first_in_at: dt.datetime | None
    first_in_zone: str | None
    last_out_at: dt.datetime | None
    certain_in_at: dt.datetime | None
    certain_out_at: dt.datetime | None
    first_submitted_at: dt.datetime | None
    report_id: UUID | None
    report_revision: int | None
    submitted_at: dt.datetime | None
    review_revision: int | None
    decision: str | None
    accepted_total: Decimal | None
    review_due: dt.datetime | None
    next_due: dt.datetime | None


async def verdict(tx: Tx, employee_id: UUID, date: dt.date, as_of: dt.datetime) -> Verdict | None:
    """How the date was judged as of the instant; None without a plan."""
    await planner.some_people(tx)
    row = await tx.connection.fetchrow(_VERDICT, date, as_of, [employee_id])
    if row is None:
        return None
    looked_at = dict(row)
    states: dict[Duty, State] = {duty: looked_at.pop(duty) for duty in DUTIES}
    because: dict[Duty, str] = {duty: looked_at.pop(f"{duty}_because") for duty in DUTIES}
    return Verdict(states=states, because=because, **looked_at)


async def evidence(tx: Tx, verdict: Verdict, as_of: dt.datetime) -> dict[str, Evidence]:
    """Each fact that the verdict looked at, by what it was for the rules."""
    await planner.few_rows(tx)  # a hash join would read the voids of the whole history
    rows = await tx.connection.fetch(
        _EVENTS,
        verdict.employee_id,
        verdict.work_date,
        verdict.rules_version,
        verdict.first_in_id,
        verdict.last_out_at,
        verdict.first_submitted_at,
        verdict.report_id,
        verdict.report_revision,
        verdict.review_revision,
        verdict.certain_in_at,
        verdict.certain_out_at,
        as_of,
    )
    return {row["what"]: Evidence(row["ce_id"], row["verified"]) for row in rows}


async def outages(tx: Tx, verdict: Verdict, first: dt.datetime, last: dt.datetime) -> list[UUID]:
    """The ce_ids of the outages that overlap [first, last] and concern the person's OPD or unit."""
    rows = await tx.connection.fetch(_OUTAGES, first, last, verdict.opd_code, verdict.unit_id)
    return [row["ce_id"] for row in rows]


async def found(
    tx: Tx, opd_code: str | None, beginnings: Sequence[str], employee_ids: Sequence[UUID], limit: int
) -> list[Somebody]:
    """People of an OPD, or of all, whose name has a word beginning with each of `beginnings` (alphanumeric).

    Where `employee_ids` are given, those of them alone. By name.
    """
    rows = await tx.connection.fetch(_FOUND, opd_code, beginnings, employee_ids, limit)
    return [Somebody(**dict(row)) for row in rows]


async def opds_of(tx: Tx, employee_id: UUID, first: dt.date, last: dt.date) -> set[str]:
    """The OPDs of the employee's plans for the dates, and that of the directory: the same but after a move."""
    return {row["opd_code"] for row in await tx.connection.fetch(_OPDS, employee_id, first, last)}


async def superiors_of(tx: Tx, employee_id: UUID) -> set[UUID]:
    """Who answers for the employee (`shared.access.is_superior`); empty for someone unknown or erased."""
    return {row["employee_id"] for row in await tx.connection.fetch(_SUPERIORS, employee_id)}
