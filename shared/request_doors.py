"""The reading doors of what people ask for, the same in every service that has requests."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from shared import requests
from shared.access import DECIDE_REQUESTS, Principal
from shared.auth import Caller, Employee, require
from shared.cursors import Page
from shared.requests import Directory, Listed, Part, Request, RequestWithTrail, page, part_of
from shared.service import Service, service_of

Decider = Annotated[Principal, Depends(require(DECIDE_REQUESTS))]
_Running = Annotated[Service, Depends(service_of)]
_Asks = Annotated[Part, Depends(part_of)]


def router(prefix: str, directory: Directory, tag: str | None = None) -> APIRouter:
    """`GET /me/requests`, `GET /requests` and `GET /requests/{request_id}` under `prefix`."""
    doors = APIRouter(prefix=prefix, tags=[tag] if tag else None)

    @doors.get("/me/requests")
    async def mine(me: Employee, service: _Running, part: _Asks) -> Page[Request]:
        """What you have asked for, newest first."""
        async with service.db.read() as tx:
            return page(await requests.mine(tx, me, part), part)

    @doors.get("/requests")
    async def listed(who: Decider, service: _Running, part: _Asks, state: Listed = "open") -> Page[Request]:
        """Requests that wait for you, oldest first; or those that you have granted or refused, newest first."""
        now = service.clock.now()
        async with service.db.read() as tx:
            return page(
                await requests.of_decider(tx, who, now, part, state=state, members=directory.members), part
            )

    @doors.get("/requests/{request_id}")
    async def one(request_id: UUID, who: Caller, service: _Running) -> RequestWithTrail:
        """A request with its trail, for who asked and who decides."""
        async with service.db.read() as tx:
            asker = await requests.asker(tx, request_id)
            judge = await directory.judge(tx, who, asker, service.clock.now())
            return await requests.with_trail(tx, request_id, judge)

    return doors
