"""Flags: what speaks against the place of a punch, for superiors to decide on and for the person to see."""

import datetime as dt
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import TypeAdapter

from services.attendance.api import PREFIX, Running, described, read
from services.attendance.commands import Act, flags
from services.attendance.domain.flags import Chosen, DecisionIn, Kind
from services.attendance.views import flags as views
from services.attendance.views.flags import FlagOut, State
from shared.access import DECIDE_FLAGS, Principal
from shared.auth import Employee, require
from shared.cursors import Limit, Page, cut, read_cursor
from shared.messages import language_of

router = APIRouter(prefix=PREFIX)
Superior = Annotated[Principal, Depends(require(DECIDE_FLAGS))]

DECISION = TypeAdapter(DecisionIn)


def chosen(state: State = "open", kind: Kind | None = None, employee_id: UUID | None = None) -> Chosen:
    """FastAPI dependency: which flags are asked for."""
    return Chosen(state, kind, employee_id)


@dataclass(frozen=True, slots=True)
class Asked:
    """A page of flags: after which, and how many."""

    place: tuple[dt.datetime, UUID] | None
    limit: int


def page(limit: Limit = 100, cursor: str | None = None) -> Asked:
    """FastAPI dependency: which page is asked for."""
    if not cursor:
        return Asked(None, limit)
    raised_at, flag_id = read_cursor(cursor, dt.datetime, UUID)
    return Asked((raised_at, flag_id), limit)


@router.get("/flags")
async def queue(
    request: Request,
    who: Superior,
    service: Running,
    chosen: Annotated[Chosen, Depends(chosen)],
    page: Annotated[Asked, Depends(page)],
) -> Page[FlagOut]:
    """Flags of the caller's people, the oldest first, with their evidence; the open ones unless a state is named.

    A flag changes no verdict. `may_decide` says which wait for the caller.
    """
    language = language_of(request.headers.get("accept-language"))
    async with service.db.read() as tx:
        found = await views.queue(
            tx,
            who,
            service.clock.now(),
            chosen,
            language,
            after=page.place or (dt.datetime(1900, 1, 1, tzinfo=dt.UTC), UUID(int=0)),
            limit=page.limit + 1,
        )
    return cut(found, page.limit, lambda flag: [flag.raised_at, flag.flag_id])


@router.get("/me/flags")
async def mine(
    request: Request, me: Employee, service: Running, page: Annotated[Asked, Depends(page)]
) -> Page[FlagOut]:
    """What was found about the caller's own punches, the latest first, and what was decided on it and why."""
    language = language_of(request.headers.get("accept-language"))
    async with service.db.read() as tx:
        found = await views.mine(tx, me, language, before=page.place, limit=page.limit + 1)
    return cut(found, page.limit, lambda flag: [flag.raised_at, flag.flag_id])


@router.post("/flags/{flag_id}/decision", openapi_extra=described(DECISION))
async def decide(flag_id: UUID, request: Request, who: Superior, service: Running) -> FlagOut:
    """Decide on a flag of one of your people, never on one that you are part of: `vouched` for a zone, which is
    recorded in place of the one that was measured, `dismissed`, or `unproven`. The same again changes nothing."""
    body = await read(request, DECISION)
    act = Act(who, service.clock.now())
    language = language_of(request.headers.get("accept-language"))
    async with service.db.transaction() as tx:
        flag, _ = await flags.decide(tx, act, flag_id, body)
        await tx.flush()
        return await views.one(tx, who, flag, language)
