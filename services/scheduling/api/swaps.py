"""Swaps and wishes of staff, and pairs who must not both be at home."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from services.scheduling.commands import plans, swaps
from services.scheduling.store import people
from services.scheduling.store import swaps as swaps_store
from shared.access import PLAN, Principal, employee_of, own_opd
from shared.auth import Caller, Employee, require
from shared.dates import local_date
from shared.events.base import Date
from shared.http import page
from shared.personal import Reason
from shared.refusals import FieldError, Invalid, Missing
from shared.service import Service, service_of

router = APIRouter(prefix="/scheduling/v1", tags=["swaps"])
Running = Annotated[Service, Depends(service_of)]
Officer = Annotated[Principal, Depends(require(PLAN))]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SwapIn(_In):
    """Give up the WFH day `my_date` for the colleague's WFH day `their_date`."""

    partner_id: UUID
    my_date: Date
    their_date: Date


class OverrideIn(_In):
    reason: Reason


class ApproveIn(_In):
    override: OverrideIn | None = None


class WishIn(_In):
    """A request for one date; weight 1 (would be nice) to 3 (matters much)."""

    mode: Literal["WFO", "WFH"]
    weight: Annotated[int, Field(ge=1, le=3)] = 1


class ApartIn(_In):
    """Two people of a unit who share a task: one of them is always at the office."""

    employee_ids: Annotated[list[UUID], Field(min_length=2, max_length=2)]
    reason: Annotated[Reason, Field(max_length=300)]


@router.post("/me/swaps", status_code=201)
async def ask(given: SwapIn, service: Running, who: Caller) -> dict[str, Any]:
    """Ask a colleague of the same unit."""
    dates = given.my_date, given.their_date
    swap_id = await swaps.ask(service.db, service.clock, who, given.partner_id, dates)
    return {"swap_id": swap_id, "status": "asked"}


@router.get("/me/swaps")
async def list_swaps(service: Running, me: Employee) -> dict[str, Any]:
    """Swaps I asked for, am asked in, or may approve."""
    async with service.db.read() as tx:
        return page([dict(row) for row in await swaps_store.swaps(tx, me)], None)


@router.post("/swaps/{swap_id}/agree")
async def agree(swap_id: UUID, service: Running, who: Caller) -> dict[str, Any]:
    """The colleague's yes."""
    await swaps.agree(service.db, service.clock, who, swap_id)
    return {"swap_id": swap_id, "status": "agreed"}


@router.post("/swaps/{swap_id}/approve")
async def approve(swap_id: UUID, given: ApproveIn, service: Running, who: Caller) -> dict[str, Any]:
    """The superior's yes: the plans change."""
    override = given.override and given.override.reason
    changed = await swaps.approve(service.db, service.clock, who, swap_id, override)
    return {"swap_id": swap_id, "status": "approved", "changed": changed}


@router.post("/swaps/{swap_id}/refuse")
async def refuse(swap_id: UUID, service: Running, who: Caller) -> dict[str, Any]:
    """A no."""
    await swaps.refuse(service.db, service.clock, who, swap_id)
    return {"swap_id": swap_id, "status": "refused"}


@router.put("/me/wishes/{work_date}")
async def set_wish(work_date: Date, given: WishIn, service: Running, who: Caller) -> dict[str, Any]:
    """A request for a date to come; rosters grant what they can."""
    if work_date <= local_date(service.clock.now()):
        raise Invalid("validation", errors=[FieldError("work_date", "wish.past")])
    me, now = employee_of(who), service.clock.now()
    async with service.db.transaction() as tx:
        if await people.person(tx, me) is None:
            raise Missing("directory.unknown")
        await swaps_store.set_wish(tx, me, work_date, given.mode, given.weight, now)
        await plans.note(tx, now, who, "wish.given", subject=me, reason=None, date=work_date, **given.model_dump())
    return {"work_date": work_date, **given.model_dump()}


@router.delete("/me/wishes/{work_date}", status_code=204)
async def drop_wish(work_date: Date, service: Running, who: Caller) -> None:
    """Take a request back."""
    me = employee_of(who)
    async with service.db.transaction() as tx:
        await swaps_store.drop_wish(tx, me, work_date)
        await plans.note(tx, service.clock.now(), who, "wish.dropped", subject=me, reason=None, date=work_date)


@router.get("/me/wishes")
async def list_wishes(service: Running, me: Employee) -> dict[str, Any]:
    """My requests from today on."""
    async with service.db.read() as tx:
        rows = await swaps_store.wishes(tx, me, local_date(service.clock.now()))
    return page([dict(row) for row in rows], None)


@router.post("/units/{unit_id}/apart", status_code=201)
async def set_apart(unit_id: str, given: ApartIn, service: Running, who: Officer) -> dict[str, Any]:
    """Name a pair of whom one is always at the office."""
    one, other = given.employee_ids
    async with service.db.transaction() as tx:
        for index, employee_id in enumerate(given.employee_ids):
            person = await people.person(tx, employee_id)
            if person is None or person.unit_id != unit_id or one == other:
                raise Invalid("validation", errors=[FieldError(f"employee_ids.{index}", "apart.unit")])
            own_opd(who, [person.opd_code])
        await swaps_store.set_apart(tx, unit_id, one, other, given.reason)
        now, pair = service.clock.now(), [one, other]
        await plans.note(tx, now, who, "apart.named", subject=unit_id, reason=given.reason, people=pair)
    return {"unit_id": unit_id, **given.model_dump()}
