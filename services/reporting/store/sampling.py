# ruff: noqa: S608 - statements are put together from constants
"""The SQL of the weekly audit: the accepted reports of an OPD and week, and what was found in them."""

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from pydantic import TypeAdapter

from services.reporting.domain.sampling import FindingIn
from services.reporting.store.reports import as_of as reports_as_of
from shared.database import Tx
from shared.events import ReportItem, ReviewedItem

_ACCEPTED = f"""
    select report_id
    from ({reports_as_of("held.opd_code = $1 and held.work_date between $2 and $3", "$4")}) as handed
    where decision = 'accepted'
"""
_REPORTS = f"""
    select report_id, employee_id, work_date, revision, submitted_at, items, reviewed_at, reviewer_id, accepted
    from ({reports_as_of("held.report_id = any($1::uuid[])", "$2")}) as handed
"""
_FINDINGS = """
    select report_id, error, reason, found_at, found_by from sample_finding where report_id = any($1::uuid[])
"""
_REVIEWERS = """
    select reviewer_id from fact_review where report_id = $1
    union select (review ->> 'reviewer_id')::uuid from work_report where report_id = $1 and review is not null
"""
_PUT = """
    insert into sample_finding (report_id, error, reason, found_at, found_by) values ($1, $2, $3, $4, $5)
    on conflict (report_id) do update set error = excluded.error, reason = excluded.reason,
        found_at = excluded.found_at, found_by = excluded.found_by
    where (sample_finding.error, sample_finding.reason, sample_finding.found_by)
        is distinct from (excluded.error, excluded.reason, excluded.found_by)
    returning true
"""
_ITEMS = TypeAdapter(list[ReportItem])
_ACCEPTED_ITEMS = TypeAdapter(list[ReviewedItem])


class Drawn(NamedTuple):
    """An accepted report as of an instant."""

    report_id: UUID
    employee_id: UUID
    work_date: dt.date
    revision: int
    submitted_at: dt.datetime
    items: list[ReportItem]
    reviewed_at: dt.datetime
    reviewer_id: UUID
    accepted: list[ReviewedItem]


class Finding(NamedTuple):
    """What somebody found in a report."""

    report_id: UUID
    error: bool
    reason: str
    found_at: dt.datetime
    found_by: UUID


async def accepted(tx: Tx, opd_code: str, first: dt.date, last: dt.date, instant: dt.datetime) -> list[UUID]:
    """The reports of the OPD's work dates that were accepted as of the instant."""
    return [row["report_id"] for row in await tx.connection.fetch(_ACCEPTED, opd_code, first, last, instant)]


async def reports(tx: Tx, report_ids: Sequence[UUID], instant: dt.datetime) -> dict[UUID, Drawn]:
    """Accepted reports as of the instant, by id."""
    found: dict[UUID, Drawn] = {}
    for row in await tx.connection.fetch(_REPORTS, report_ids, instant):
        columns = dict(row)
        items = _ITEMS.validate_python(columns.pop("items"))
        accepted = _ACCEPTED_ITEMS.validate_python(columns.pop("accepted"))
        found[row["report_id"]] = Drawn(items=items, accepted=accepted, **columns)
    return found


async def findings(tx: Tx, report_ids: Sequence[UUID]) -> dict[UUID, Finding]:
    """What was found in some reports, by id."""
    rows = await tx.connection.fetch(_FINDINGS, report_ids)
    return {row["report_id"]: Finding(**dict(row)) for row in rows}


async def reviewers(tx: Tx, report_id: UUID) -> set[UUID]:
    """Whoever has decided on a report, on any revision."""
    return {row["reviewer_id"] for row in await tx.connection.fetch(_REVIEWERS, report_id)}


async def put(tx: Tx, report_id: UUID, found: FindingIn, now: dt.datetime, officer: UUID) -> bool:
    """Store a finding in the place of an earlier one. False if the officer had found just that."""
    changed = await tx.connection.fetchval(_PUT, report_id, found.error, found.reason, now, officer)
    return bool(changed)
