"""Networks of offices as officers see them."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict, field_validator

from services.attendance.store import networks as store
from shared.access import Principal, only_opd
from shared.database import Tx


class NetworkOut(BaseModel):
    """Addresses of an office; without `unit_id` of the whole OPD."""

    model_config = ConfigDict(from_attributes=True)

    network_id: UUID
    network: str
    opd_code: str
    unit_id: str | None
    name: str

    @field_validator("network", mode="before")
    @classmethod
    def _written(cls, value: object) -> str:
        return str(value)  # the driver reads an address by itself


async def listed(tx: Tx, who: Principal, *, after: UUID, limit: int) -> list[NetworkOut]:
    """The networks of the caller's offices, by id."""
    found = await store.listed(tx, opd_code=only_opd(who), after=after, limit=limit)
    return [NetworkOut.model_validate(network) for network in found]
