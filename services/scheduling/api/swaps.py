"""Swaps and wishes of staff, and pairs who must not both be at home."""

import datetime as dt
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import AfterValidator, Field, ValidationInfo
from pydantic.json_schema import SkipJsonSchema

from services.scheduling.api.doors import Body, OverrideIn, Running
from services.scheduling.commands import swaps as commands
from services.scheduling.domain.spans import Days
from services.scheduling.views import swaps as views
from services.scheduling.views.swaps import ApprovedSwap, Pair, Partner, Swap, SwapStatus, Wish
from shared.access import PLAN, Principal
from shared.auth import Caller, Employee, require
from shared.cursors import Limit, Page, cut, read_cursor
from shared.dates import local_date
from shared.events.base import Date
from shared.personal import Reason
from shared.refusals import wrong

router = APIRouter(prefix="/scheduling/v1", tags=["swaps"])
Officer = Annotated[Principal, Depends(require(PLAN))]


AHEAD = dt.timedelta(31)
"""How far ahead partners are looked for."""


def _one_of_both(value: str | None, info: ValidationInfo) -> str | None:
    if (value is None) == (info.data.get("partner_id") is None):
        raise wrong("swap.one_name")
    return value


class SwapIn(Body):
    """Give up the WFH day `my_date` for the colleague's WFH day `their_date`.

    The colleague is named by id, or as the list of partners has them.
    """

    partner_id: UUID | SkipJsonSchema[None] = None
    partner: Annotated[
        Annotated[str, Field(max_length=100)] | None, Field(validate_default=True), AfterValidator(_one_of_both)
    ] = None
    my_date: Date
    their_date: Date

    def whom(self) -> UUID | str:
        return self.partner_id or self.partner or ""


class ApproveIn(Body):
    override: OverrideIn | None = None


class WishIn(Body):
    """A request for one date; weight 1 (would be nice) to 3 (matters much)."""

    mode: Literal["WFO", "WFH"]
    weight: Annotated[int, Field(ge=1, le=3)] = 1


class ApartIn(Body):
    """Two people of a unit who share a task: one of them is always at the office."""

    employee_ids: Annotated[list[UUID], Field(min_length=2, max_length=2)]
    reason: Annotated[Reason, Field(max_length=300)]


@router.post("/me/swaps", status_code=201)
async def ask(given: SwapIn, service: Running, who: Caller) -> SwapStatus:
    """Ask a colleague of the same unit."""
    swap_id = await commands.ask(
        service.db, service.clock, who, given.whom(), my_date=given.my_date, their_date=given.their_date
    )
    return SwapStatus(swap_id=swap_id, status="asked")


@router.get("/me/swaps/partners")
async def list_partners(
    service: Running, me: Employee, my_date: Date, limit: Limit = 1000, cursor: str | None = None
) -> Page[Partner]:
    """Days at home of colleagues that you could take for yours of `my_date`, a month ahead: no more than mode and
    date. Ask with `partner`, and the colleague decides."""
    now = service.clock.now()
    today = local_date(now)
    async with service.db.read() as tx:
        found = await views.partners(tx, me, my_date, Days(today, today + AHEAD), now)
    if cursor:
        their_date, partner = read_cursor(cursor, dt.date, str)
        found = [one for one in found if (one.their_date, one.partner) > (their_date, partner)]
    return cut(found, limit, lambda one: [one.their_date, one.partner])


@router.get("/me/swaps")
async def list_swaps(service: Running, me: Employee) -> Page[Swap]:
    """Swaps I asked for, am asked in, or may approve."""
    async with service.db.read() as tx:
        return Page(items=await views.swaps(tx, me))


@router.post("/swaps/{swap_id}/agree")
async def agree(swap_id: UUID, service: Running, who: Caller) -> SwapStatus:
    """The colleague's yes."""
    await commands.agree(service.db, service.clock, who, swap_id)
    return SwapStatus(swap_id=swap_id, status="agreed")


@router.post("/swaps/{swap_id}/approve")
async def approve(swap_id: UUID, given: ApproveIn, service: Running, who: Caller) -> ApprovedSwap:
    """The superior's yes: the plans change."""
    override = given.override and given.override.reason
    changed = await commands.approve(service.db, service.clock, who, swap_id, override)
    return ApprovedSwap(swap_id=swap_id, status="approved", changed=changed)


@router.post("/swaps/{swap_id}/refuse")
async def refuse(swap_id: UUID, service: Running, who: Caller) -> SwapStatus:
    """A no."""
    await commands.refuse(service.db, service.clock, who, swap_id)
    return SwapStatus(swap_id=swap_id, status="refused")


@router.put("/me/wishes/{work_date}")
async def set_wish(work_date: Date, given: WishIn, service: Running, who: Caller) -> Wish:
    """A request for a date to come; rosters grant what they can."""
    wish = Wish(work_date=work_date, mode=given.mode, weight=given.weight)
    await commands.set_wish(service.db, service.clock, who, wish)
    return wish


@router.delete("/me/wishes/{work_date}", status_code=204)
async def drop_wish(work_date: Date, service: Running, who: Caller) -> None:
    """Take a request back."""
    await commands.drop_wish(service.db, service.clock, who, work_date)


@router.get("/me/wishes")
async def list_wishes(service: Running, me: Employee) -> Page[Wish]:
    """My requests from today on."""
    async with service.db.read() as tx:
        return Page(items=await views.wishes(tx, me, local_date(service.clock.now())))


@router.post("/units/{unit_id}/apart", status_code=201)
async def keep_apart(unit_id: str, given: ApartIn, service: Running, who: Officer) -> Pair:
    """Name a pair of whom one is always at the office."""
    pair = Pair(unit_id=unit_id, employee_ids=given.employee_ids, reason=given.reason)
    await commands.keep_apart(service.db, service.clock, who, pair)
    return pair
