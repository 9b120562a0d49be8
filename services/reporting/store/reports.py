# ruff: noqa: S608 - statements are put together from constants of this file
"""The SQL of work reports. The state of a report is one row, locked before anything about it is published."""

import datetime as dt
from collections.abc import Collection
from typing import Literal, NamedTuple
from uuid import UUID

import asyncpg
from pydantic import TypeAdapter

from services.reporting.domain.reports import Item, Report, Review
from shared.access import REVIEWER
from shared.database import Tx
from shared.events import Mode

Status = Literal["waiting", "accepted", "returned", "all"]

_COLUMNS = "report_id, employee_id, work_date, opd_code, revision, submitted_at, items, reviews, review, mode"

_OPD = """
    select coalesce(
        (select opd_code from fact_plan where employee_id = $1 and work_date = $2),
        (select opd_code from fact_employee where employee_id = $1 and not erased))
"""
_MODE = "select mode from fact_plan where employee_id = $1 and work_date = $2"
_INSERT = f"""
    insert into work_report ({_COLUMNS}, first_submitted_at)
    values ($1, $2, $3, $4, $5, $6, $7::jsonb, 0, null, $8, $6)
    on conflict do nothing returning true
"""
# Handed in after the cutoff of the rules in force; the verdict of the duty `report` is another thing.
_LATE = """
    select report_id from work_report
    where report_id = any($1::uuid[]) and first_submitted_at > report_cutoff(employee_id, work_date)
"""
_LOCK = f"select {_COLUMNS} from work_report where report_id = $1 for update"
_GET = f"select {_COLUMNS} from work_report where report_id = $1"
_UPDATE = """
    update work_report
    set opd_code = $2, revision = $3, submitted_at = $4, items = $5::jsonb, reviews = $6, review = $7::jsonb,
        mode = $8
    where report_id = $1
"""
_REVIEWS = f"""
    select exists (
        select from fact_employee person, fact_employee officer
        where person.employee_id = $1 and officer.employee_id = $2 and {REVIEWER})
"""
_STATUS = "($2 = 'all' or $2 = coalesce(review->>'decision', 'waiting'))"
_BEFORE = f"""
    select {_COLUMNS} from work_report where employee_id = $1 and work_date < $2 order by work_date desc limit 1
"""
_OWN = f"""
    select {_COLUMNS} from work_report
    where employee_id = $1 and {_STATUS}
      and work_date between $3 and $4 and ($5::date is null or work_date > $5)
    order by work_date limit $6
"""
_TEAM = f"""
    select {", ".join("r." + name for name in _COLUMNS.split(", "))}, person.name
    from fact_employee officer, fact_employee person join work_report r using (employee_id)
    where officer.employee_id = $1 and {REVIEWER}
      and ({_STATUS.replace("review", "r.review")} and ($2 <> 'waiting' or r.review is null))
      and ($3::date is null or (r.work_date, r.report_id) > ($3, $4::uuid))
    order by r.work_date, r.report_id limit $5
"""


def as_of(chosen: str, instant: str) -> str:
    """SQL: the reports that a condition on `held` chooses, in the revision and with the decision of an instant.

    The row holds what is newest now, before its event has come back from Kafka; what went before are facts.
    """
    return f"""
        select held.report_id, held.employee_id, held.work_date, held.first_submitted_at, newest.revision,
            newest.submitted_at, newest.items, ruling.decision, ruling.reviewed_at, ruling.reviewer_id,
            ruling.items as accepted
        from work_report as held
            cross join lateral (
                select held.revision, held.submitted_at, held.items where held.submitted_at <= {instant}
                union all
                select past.report_revision, past.submitted_at, past.items
                from fact_report as past where past.report_id = held.report_id and past.submitted_at <= {instant}
                order by revision desc limit 1
            ) as newest
            left join lateral (
                select (held.review ->> 'revision')::bigint as revision, held.review ->> 'decision' as decision,
                    (held.review ->> 'reviewed_at')::timestamptz as reviewed_at,
                    (held.review ->> 'reviewer_id')::uuid as reviewer_id, held.review -> 'items' as items
                where held.revision = newest.revision and (held.review ->> 'reviewed_at')::timestamptz <= {instant}
                union all
                select past.review_revision, past.decision, past.reviewed_at, past.reviewer_id, past.items
                from fact_review as past
                where past.report_id = held.report_id and past.report_revision = newest.revision
                    and past.reviewed_at <= {instant}
                order by revision desc limit 1
            ) as ruling on true
        where {chosen}
    """


class OfTeam(NamedTuple):
    """A report with its author's name, as far as the directory knows it."""

    report: Report
    name: str | None


class Place(NamedTuple):
    """Where a report stands in the order of a team's list."""

    work_date: dt.date
    report_id: UUID


_REPORT = TypeAdapter(Report)
_ITEMS = TypeAdapter(tuple[Item, ...])
_REVIEW = TypeAdapter(Review)


def _report(row: asyncpg.Record) -> Report:
    return _REPORT.validate_python(dict(row))


def _items(report: Report) -> str:
    return _ITEMS.dump_json(report.items).decode()


def _review(report: Report) -> str | None:
    return None if report.review is None else _REVIEW.dump_json(report.review).decode()


async def opd_of(tx: Tx, employee_id: UUID, work_date: dt.date) -> str | None:
    """The OPD that a day's work belongs to: the plan's, else the directory's; None when neither is known."""
    return await tx.connection.fetchval(_OPD, employee_id, work_date)


async def mode_of(tx: Tx, employee_id: UUID, work_date: dt.date) -> Mode | None:
    """The mode of the day's plan; None while there is none."""
    return await tx.connection.fetchval(_MODE, employee_id, work_date)


async def late(tx: Tx, report_ids: Collection[UUID]) -> frozenset[UUID]:
    """Which of these reports were handed in for the first time after the cutoff of their day."""
    rows = await tx.connection.fetch(_LATE, list(report_ids)) if report_ids else []
    return frozenset(row["report_id"] for row in rows)


async def insert(tx: Tx, report: Report) -> bool:
    """True if `report` is the first of its employee and work date. Waits for a first one under way elsewhere."""
    inserted = await tx.connection.fetchval(
        _INSERT,
        report.report_id,
        report.employee_id,
        report.work_date,
        report.opd_code,
        report.revision,
        report.submitted_at,
        _items(report),
        report.mode,
    )
    return bool(inserted)


async def lock(tx: Tx, report_id: UUID) -> Report | None:
    """The report, its row locked until the transaction ends."""
    row = await tx.connection.fetchrow(_LOCK, report_id)
    return _report(row) if row else None


async def get(tx: Tx, report_id: UUID) -> Report | None:
    row = await tx.connection.fetchrow(_GET, report_id)
    return _report(row) if row else None


async def update(tx: Tx, report: Report) -> None:
    await tx.connection.execute(
        _UPDATE,
        report.report_id,
        report.opd_code,
        report.revision,
        report.submitted_at,
        _items(report),
        report.reviews,
        _review(report),
        report.mode,
    )


async def may_review(tx: Tx, employee_id: UUID, reviewer_id: UUID) -> bool:
    """Whether the directory says, at this moment, that `reviewer_id` is their supervisor or acting deputy."""
    return bool(await tx.connection.fetchval(_REVIEWS, employee_id, reviewer_id))


async def latest_before(tx: Tx, employee_id: UUID, work_date: dt.date) -> Report | None:
    """An employee's newest report of an earlier work date."""
    row = await tx.connection.fetchrow(_BEFORE, employee_id, work_date)
    return _report(row) if row else None


async def own(
    tx: Tx,
    employee_id: UUID,
    status: Status,
    *,
    first: dt.date,
    last: dt.date,
    after: dt.date | None,
    limit: int,
) -> list[Report]:
    """An employee's reports in order of work date."""
    rows = await tx.connection.fetch(_OWN, employee_id, status, first, last, after, limit)
    return [_report(row) for row in rows]


async def team(
    tx: Tx,
    superior: UUID,
    status: Status,
    *,
    after: Place | None,
    limit: int,
) -> list[OfTeam]:
    """The reports of those whose supervisor or acting deputy `superior` is, oldest first, with their names."""
    after_date, after_id = after or (None, None)
    rows = await tx.connection.fetch(_TEAM, superior, status, after_date, after_id, limit)
    return [OfTeam(_report(row), row["name"]) for row in rows]
