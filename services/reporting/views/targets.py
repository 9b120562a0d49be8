"""A person's targets of a year."""

from collections.abc import Sequence
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.reporting.store import targets as store
from shared.database import Tx


class Target(BaseModel):
    """One line: what an item of a report names as `target`."""

    model_config = ConfigDict(from_attributes=True)

    code: str
    title: str
    quantity: float | None
    unit: str | None


class Targets(BaseModel):
    """All targets of one person and year."""

    employee_id: UUID
    year: int
    items: Sequence[Target]


async def of_year(tx: Tx, employee_id: UUID, year: int) -> Targets:
    """Somebody's targets of a year, by code; none is a list too."""
    items = [Target.model_validate(target) for target in await store.of_year(tx, employee_id, year)]
    return Targets(employee_id=employee_id, year=year, items=items)
