"""The SQL of drafts: one row for each person and work date until the report is handed in."""

import datetime as dt
from typing import NamedTuple
from uuid import UUID

from pydantic import TypeAdapter

from services.reporting.domain.drafts import Draft, DraftItem
from shared.database import Tx

_PUT = """
    insert into report_draft (employee_id, work_date, saved_at, items) values ($1, $2, $3, $4::jsonb)
    on conflict (employee_id, work_date) do update set saved_at = excluded.saved_at, items = excluded.items
"""
_GET = "select saved_at, items from report_draft where employee_id = $1 and work_date = $2"
_ITEMS = TypeAdapter(list[DraftItem])


class Saved(NamedTuple):
    """A draft, and when it was saved."""

    saved_at: dt.datetime
    items: list[DraftItem]


async def put(tx: Tx, employee_id: UUID, work_date: dt.date, draft: Draft, now: dt.datetime) -> None:
    await tx.connection.execute(_PUT, employee_id, work_date, now, _ITEMS.dump_json(draft.items).decode())


async def get(tx: Tx, employee_id: UUID, work_date: dt.date) -> Saved | None:
    row = await tx.connection.fetchrow(_GET, employee_id, work_date)
    return Saved(row["saved_at"], _ITEMS.validate_python(row["items"])) if row else None


async def drop(tx: Tx, employee_id: UUID, work_date: dt.date) -> None:
    """Forget the draft of a work date, if there is one."""
    await tx.connection.execute(
        "delete from report_draft where employee_id = $1 and work_date = $2", employee_id, work_date
    )


async def forget(tx: Tx, saved_before: dt.datetime) -> None:
    """Forget the drafts that nobody has touched since an instant, and those of whoever is erased."""
    await tx.connection.execute("delete from report_draft where saved_at < $1", saved_before)
    await tx.connection.execute(
        "delete from report_draft where employee_id in (select employee_id from fact_employee where erased)"
    )


async def others(tx: Tx, employee_id: UUID, work_date: dt.date) -> int:
    """How many drafts a person has of other work dates."""
    return await tx.connection.fetchval(
        "select count(*) from report_draft where employee_id = $1 and work_date <> $2", employee_id, work_date
    )
