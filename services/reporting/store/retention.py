"""Facts, and what people wrote, that are older than they are to be kept: out, in bounded transactions."""

import datetime as dt
from collections.abc import Mapping

from services.reporting.store.months import DATED, Month, alone
from shared.database import Tx

BATCH = 5_000
"""So many rows are deleted in one transaction."""

_MONTHS = """
    select parent.relname as table, child.relname as name
    from pg_inherits as link
        join pg_class as child on child.oid = link.inhrelid join pg_class as parent on parent.oid = link.inhparent
    where parent.oid = any($1::text[]::regclass[])
"""
_OLD = {
    # What is computed goes with the plan that it was computed from: a punch without a plan says nothing.
    **{f"{table}_other": f"select ctid from {table}_other where {dated} < $1" for table, dated in DATED.items()},  # noqa: S608 - constants
    **{
        table: f"select ctid from {table} where work_date < $1"  # noqa: S608 - constants
        for table in ("fact_punch", "fact_report", "fact_review")
    },
    "demand": "select ctid from demand where from_at < local_midnight($1)",
    # A void may name another date than its punch: it goes when what it voids is gone.
    "fact_void": """
        select void.ctid from fact_void as void
        where void.work_date < $1 and void.voided_at < $1
            and not exists (select from fact_punch as punch where punch.punch_id = void.punch_id)
    """,
}


_OLD_WRITINGS = {
    "sample_finding": """
        select finding.ctid from sample_finding as finding join work_report using (report_id) where work_date < $1
    """,
    "work_report": """
        select ctid from work_report as report where work_date < $1
            and not exists (select from sample_finding as finding where finding.report_id = report.report_id)
    """,
    "report_draft": "select ctid from report_draft where work_date < $1",
    "intention": "select ctid from intention where work_date < $1",
    "target": "select ctid from target where year < extract(year from $1::date)",
}
"""In this order: a finding names its report."""


async def months_before(tx: Tx, kept_from: dt.date) -> list[dt.date]:
    """The months that have partitions and lie before the date, the oldest first."""
    rows = await tx.connection.fetch(_MONTHS, list(DATED))
    months: set[dt.date] = set()
    for row in rows:
        suffix = row["name"].removeprefix(row["table"] + "_")
        if suffix != "other":
            year, month = suffix.split("_")
            months.add(dt.date(int(year), int(month), 1))
    return sorted(month for month in months if month < kept_from.replace(day=1))


async def drop_month(tx: Tx, month: dt.date) -> None:
    """Drop a month's plans and what was computed of them.

    Raises as `months.alone`.
    """
    await alone(tx)
    for table in DATED:
        await tx.connection.execute(f"drop table if exists {Month(table, month).name}")


async def delete_some(tx: Tx, kept_from: dt.date) -> int:
    """Delete at most BATCH old rows of each table; returns how many were deleted."""
    # The ticker and the drain need not look at what goes.
    await tx.connection.execute("delete from touched where work_date < $1", kept_from)
    await tx.connection.execute("delete from touched_counter where day < $1", kept_from)
    return await _delete(tx, _OLD, kept_from)


async def delete_some_writings(tx: Tx, kept_from: dt.date) -> int:
    """The same of reports with what was found in them, drafts, intentions, and targets of the years before."""
    return await _delete(tx, _OLD_WRITINGS, kept_from)


async def _delete(tx: Tx, old_rows: Mapping[str, str], kept_from: dt.date) -> int:
    gone = 0
    for table, old in old_rows.items():
        status = await tx.connection.execute(
            f"delete from {table} where ctid = any (array({old} limit {BATCH}))",  # noqa: S608 - constants
            kept_from,
        )
        gone += int(status.removeprefix("DELETE "))
    return gone
