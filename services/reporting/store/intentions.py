"""The SQL of what people intend to do on a work date."""

import datetime as dt
from uuid import UUID

from pydantic import TypeAdapter

from services.reporting.domain.intentions import Intended, Intention
from shared.database import Tx

_PUT = """
    insert into intention (employee_id, work_date, said_at, items) values ($1, $2, $3, $4::jsonb)
    on conflict (employee_id, work_date) do update set said_at = excluded.said_at, items = excluded.items
"""
_ITEMS = TypeAdapter(tuple[Intended, ...])


async def starts_at(tx: Tx, employee_id: UUID, work_date: dt.date) -> dt.datetime | None:
    """When the day's plan begins; None without a plan, or one without hours."""
    return await tx.connection.fetchval(
        "select starts_at from fact_plan where employee_id = $1 and work_date = $2", employee_id, work_date
    )


async def get(tx: Tx, employee_id: UUID, work_date: dt.date) -> Intention | None:
    row = await tx.connection.fetchrow(
        "select said_at, items from intention where employee_id = $1 and work_date = $2", employee_id, work_date
    )
    return Intention(work_date, row["said_at"], _ITEMS.validate_python(row["items"])) if row else None


async def put(tx: Tx, employee_id: UUID, intention: Intention) -> None:
    items = _ITEMS.dump_json(intention.items).decode()
    await tx.connection.execute(_PUT, employee_id, intention.work_date, intention.said_at, items)
