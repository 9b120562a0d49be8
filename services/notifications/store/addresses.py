"""Where people are reached."""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from services.notifications.domain.kinds import Way
from shared.database import Tx


async def phones(tx: Tx, employees: Collection[UUID]) -> dict[UUID, str]:
    """The telephone of each person who has one and is active, as the directory writes it."""
    rows = await tx.connection.fetch(
        "select employee_id, phone from recipient where employee_id = any($1) and active and phone is not null",
        list(employees),
    )
    return {row["employee_id"]: row["phone"] for row in rows}


class Places(NamedTuple):
    """Where one person could be reached, and by which ways the house sends at all. `devices`: browsers' labels."""

    ways: list[Way]
    email: str | None
    phone: str | None
    devices: list[str]


async def places(tx: Tx, employee_id: UUID) -> Places:
    """Where a person is reached, as the directory and their browsers have it."""
    (row,) = await tx.connection.fetch(
        """
        select array(select way from open_way) as ways, r.email, r.phone,
            array(select label from push_device where employee_id = $1 order by since) as devices
        from (select 1) as one left join recipient r on r.employee_id = $1 and r.active
        """,
        employee_id,
    )
    return Places(**row)
