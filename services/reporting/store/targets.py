"""The SQL of people's targets of a year."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from services.reporting.domain.targets import TargetIn
from shared.database import Tx


class Target(NamedTuple):
    """One line of somebody's targets."""

    code: str
    title: str
    quantity: float | None
    unit: str | None


async def of_year(tx: Tx, employee_id: UUID, year: int) -> list[Target]:
    """Somebody's targets of a year, by code."""
    rows = await tx.connection.fetch(
        "select code, title, quantity, unit from target where employee_id = $1 and year = $2 order by code",
        employee_id,
        year,
    )
    return [Target(**dict(row)) for row in rows]


async def codes(tx: Tx, employee_id: UUID, year: int) -> frozenset[str]:
    """The codes of somebody's targets of a year."""
    return frozenset(target.code for target in await of_year(tx, employee_id, year))


async def replace(tx: Tx, employee_id: UUID, year: int, items: Sequence[TargetIn]) -> None:
    """Put a list in the place of what was stored."""
    # The row of the person's first target may not exist: their year is what two officers wait for each other at.
    await tx.connection.execute("select pg_advisory_xact_lock(hashtextextended($1, $2))", str(employee_id), year)
    await tx.connection.execute("delete from target where employee_id = $1 and year = $2", employee_id, year)
    await tx.connection.executemany(
        "insert into target (employee_id, year, code, title, quantity, unit) values ($1, $2, $3, $4, $5, $6)",
        [(employee_id, year, item.code, item.title, item.quantity, item.unit) for item in items],
    )
