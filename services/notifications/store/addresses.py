"""Where people are reached."""

from collections.abc import Collection
from uuid import UUID

from shared.database import Tx


async def phones(tx: Tx, employees: Collection[UUID]) -> dict[UUID, str]:
    """The telephone of each person who has one and is active, as the directory writes it."""
    rows = await tx.connection.fetch(
        "select employee_id, phone from recipient where employee_id = any($1) and active and phone is not null",
        list(employees),
    )
    return {row["employee_id"]: row["phone"] for row in rows}
