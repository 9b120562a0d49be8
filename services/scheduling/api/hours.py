"""Special hours: Ramadan, half days, a unit's own week."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AfterValidator, Field, StringConstraints, field_validator

from services.scheduling.api.doors import Body, Running, or_waits
from services.scheduling.api.proposals import waiting
from services.scheduling.commands import hours as commands
from services.scheduling.domain.policies import PolicyDate, not_before
from services.scheduling.views import hours as views
from services.scheduling.views.answer import dated
from services.scheduling.views.hours import GivenHours, Reference, StoredHours, WithdrawnHours
from services.scheduling.views.proposals import ProposalInFull
from shared.access import GOVERN, Principal
from shared.auth import principal, require
from shared.cursors import Page
from shared.events.base import MAX_SCOPE, Code
from shared.personal import NamesNobody
from shared.refusals import wrong

router = APIRouter(prefix="/scheduling/v1/hours", tags=["hours"])
Officer = Annotated[Principal, Depends(require(GOVERN))]
Reason = Annotated[str, Query(min_length=3, max_length=500), NamesNobody]
Time = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class HoursIn(Body):
    """Other hours from a date to a date (none: until withdrawn), for all or for some OPD or units."""

    name: Annotated[str, Field(min_length=1, max_length=200), NamesNobody]
    first: Annotated[PolicyDate, Field(alias="from")]
    last: Annotated[PolicyDate | None, Field(alias="to"), AfterValidator(not_before("first"))] = None
    timetable: Literal["five_day", "six_day"]
    weekdays: dict[Annotated[int, Field(ge=0, le=6)], tuple[Time, Time] | None]
    """Monday 0 -> [start, end], or null for a rest day; a weekday that is not named keeps its hours."""
    opd_codes: Annotated[list[Code], Field(max_length=MAX_SCOPE)] = []
    unit_ids: Annotated[list[Code], Field(max_length=MAX_SCOPE)] = []

    @field_validator("weekdays")
    @classmethod
    def _forward(cls, weekdays: dict[int, tuple[str, str] | None]) -> dict[int, tuple[str, str] | None]:
        if not weekdays or not all(start < end for start, end in filter(None, weekdays.values())):
            raise wrong("hours.weekdays")
        return weekdays


@router.get("", dependencies=[Depends(principal)])
async def list_hours(service: Running) -> Page[StoredHours]:
    """All special hours, withdrawn ones too."""
    async with service.db.read() as tx:
        return Page(items=await views.listed(tx))


@router.get("/references", dependencies=[Depends(principal)])
async def list_references() -> Page[Reference]:
    """Known special hours as data, to be posted as they are or changed."""
    return Page(items=views.references())


@router.post("", status_code=201, responses=or_waits(GivenHours))
async def give_hours(
    given: HoursIn, service: Running, who: Officer, response: Response, reason: Reason | None = None
) -> GivenHours:
    """Special hours from today or later on; plans change when a roster is published: `needs_roster` lists which.

    Hours that alter days that have begun wait for a second officer: 202 with the proposal, which lists the plans
    before and after and writes them when it is approved.
    """
    body = given.model_dump(mode="json", by_alias=True)
    change = await commands.give(service.db, service.clock, who, body, reason=reason)
    proposal = await _waiting(service, response, change)
    came = {"special_id": change.special_id, "needs_roster": dated(change.needs_roster), "proposal": proposal}
    return GivenHours.model_validate({**body, **came})


@router.post("/{special_id}/withdraw", responses=or_waits(WithdrawnHours))
async def withdraw(
    special_id: UUID, service: Running, who: Officer, response: Response, reason: Reason | None = None
) -> WithdrawnHours:
    """They hold from today on no longer; where that is late it waits for a second officer, as above."""
    change = await commands.withdraw(service.db, service.clock, who, special_id, reason=reason)
    proposal = await _waiting(service, response, change)
    return WithdrawnHours(
        special_id=special_id,
        withdrawn=proposal is None,
        needs_roster=dated(change.needs_roster),
        proposal=proposal,
    )


async def _waiting(service: Running, response: Response, change: commands.Given) -> ProposalInFull | None:
    return change.proposal and await waiting(service, response, change.proposal.proposal_id)
