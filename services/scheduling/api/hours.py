"""Special hours: Ramadan, half days, a unit's own week."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator

from services.scheduling.commands import hours, plans
from services.scheduling.domain.policies import PolicyDate, not_before
from services.scheduling.store import hours as hours_store
from services.scheduling.views.proposals import proposal_view
from shared.access import GOVERN, Principal
from shared.auth import principal, require
from shared.events.base import MAX_SCOPE, Code
from shared.http import page
from shared.personal import NamesNobody
from shared.service import Service, service_of

router = APIRouter(prefix="/scheduling/v1/hours", tags=["hours"])
Running = Annotated[Service, Depends(service_of)]
Officer = Annotated[Principal, Depends(require(GOVERN))]
Reason = Annotated[str, Query(min_length=3, max_length=500), NamesNobody]
REFERENCES = Path(__file__).with_name("special_hours.json")
Time = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class HoursIn(BaseModel):
    """Other hours from a date to a date (none: until withdrawn), for all or for some OPD or units."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

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
        if not weekdays or any(hours is not None and hours[0] >= hours[1] for hours in weekdays.values()):
            raise ValueError("name at least one weekday, each with a start before its end")
        return weekdays


@router.get("", dependencies=[Depends(principal)])
async def list_hours(service: Running) -> dict[str, Any]:
    """All special hours, withdrawn ones too."""
    async with service.db.read() as tx:
        rows = await hours_store.everything(tx)
    return page(
        [
            {
                **row["body"],
                "to": row["last"],
                **{name: row[name] for name in ("special_id", "withdrawn", "created_at", "created_by")},
            }
            for row in rows
        ],
        None,
    )


@router.get("/references", dependencies=[Depends(principal)])
async def list_references() -> dict[str, Any]:
    """Known special hours as data, to be posted as they are or changed."""
    return page(json.loads(REFERENCES.read_text(encoding="utf-8")), None)


@router.post("", status_code=201)
async def give_hours(
    given: HoursIn, service: Running, who: Officer, response: Response, reason: Reason | None = None
) -> dict[str, Any]:
    """Special hours from today or later on; plans change when a roster is published: `needs_roster` lists which.

    Hours that alter days that have begun wait for a second officer: 202 with the proposal, which lists the plans
    before and after and writes them when it is approved.
    """
    body = given.model_dump(mode="json", by_alias=True)
    done = await hours.give(service.db, service.clock, who, body, reason=reason)
    return await _answer({**body, "special_id": done.special_id}, done, service, response)


@router.post("/{special_id}/withdraw")
async def withdraw(
    special_id: UUID, service: Running, who: Officer, response: Response, reason: Reason | None = None
) -> dict[str, Any]:
    """They hold from today on no longer; where that is late it waits for a second officer, as above."""
    done = await hours.withdraw(service.db, service.clock, who, special_id, reason=reason)
    answer = {"special_id": special_id, "withdrawn": done.proposal is None}
    return await _answer(answer, done, service, response)


async def _answer(
    answer: dict[str, Any], done: hours.Given, service: Service, response: Response
) -> dict[str, Any]:
    answer["needs_roster"] = plans.days(done.needs_roster)
    if done.proposal is None:
        return {**answer, "proposal": None}
    response.status_code = 202
    response.headers["Location"] = f"/scheduling/v1/proposals/{done.proposal.proposal_id}"
    return {**answer, "proposal": await proposal_view(service, done.proposal)}
