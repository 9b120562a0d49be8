"""Officers' doors to the networks of offices, by which a place is doubted or believed, and nobody locked out."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import TypeAdapter

from services.attendance.api import PREFIX, Running, described, read
from services.attendance.commands import Act, networks
from services.attendance.domain import Exact
from services.attendance.domain.networks import NetworkTerms
from services.attendance.views import networks as views
from services.attendance.views.networks import NetworkOut
from shared.access import MANAGE_NETWORKS, Principal
from shared.auth import require
from shared.cursors import Limit, Page, cut, read_id_cursor
from shared.personal import Reason

router = APIRouter(prefix=PREFIX)
Manager = Annotated[Principal, Depends(require(MANAGE_NETWORKS))]


class NetworkIn(NetworkTerms):
    """The whole network as it shall be, and why."""

    reason: Reason


class RemovalIn(Exact):
    """Why it is taken away."""

    reason: Reason


NETWORK = TypeAdapter(NetworkIn)
REMOVAL = TypeAdapter(RemovalIn)


@router.put(
    "/networks/{network_id}",
    responses={201: {"model": NetworkOut, "description": "It is named now"}},
    openapi_extra=described(NETWORK),
)
async def put(
    network_id: UUID, request: Request, response: Response, who: Manager, service: Running
) -> NetworkOut:
    """Name the addresses of an office, or alter them; `network_id` is the caller's choice."""
    body = await read(request, NETWORK)
    act = Act(who, service.clock.now())
    async with service.db.transaction() as tx:
        network, created = await networks.put(tx, act, network_id, body, body.reason)
    response.status_code = 201 if created else 200
    return NetworkOut.model_validate(network)


@router.post("/networks/{network_id}/removal", openapi_extra=described(REMOVAL))
async def remove(network_id: UUID, request: Request, who: Manager, service: Running) -> NetworkOut:
    """Take a network away: its addresses are no office's any more."""
    body = await read(request, REMOVAL)
    act = Act(who, service.clock.now())
    async with service.db.transaction() as tx:
        network = await networks.remove(tx, act, network_id, body.reason)
    return NetworkOut.model_validate(network)


@router.get("/networks")
async def listed(
    who: Manager, service: Running, limit: Limit = 1000, cursor: str | None = None
) -> Page[NetworkOut]:
    """The networks of the city's offices, by id; an OPD admin's own."""
    async with service.db.read() as tx:
        found = await views.listed(tx, who, after=read_id_cursor(cursor), limit=limit + 1)
    return cut(found, limit, lambda network: [network.network_id])
