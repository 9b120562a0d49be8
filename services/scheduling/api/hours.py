"""Special hours: Ramadan, half days, a unit's own week."""

import datetime as dt
import json
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator

from services.scheduling.commands import plans
from services.scheduling.commands.officer import officer_name
from services.scheduling.domain.policies import PolicyDate, not_before
from services.scheduling.store import special
from services.scheduling.store.directory import known
from shared.auth import Principal, principal, require
from shared.events.base import MAX_SCOPE, Code
from shared.http import FieldError, Problem, page
from shared.personal import NamesNobody
from shared.service import Service, service_of

router = APIRouter(prefix="/scheduling/v1/hours", tags=["hours"])
Running = Annotated[Service, Depends(service_of)]
Officer = Annotated[Principal, Depends(require("bkpsdm"))]
REFERENCES = Path(__file__).parents[1] / "data" / "special_hours.json"
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
        rows = await special.everything(tx.connection)
    return page(
        [{**row["body"], "special_id": row["special_id"], "withdrawn": row["withdrawn"]} for row in rows], None
    )


@router.get("/references", dependencies=[Depends(principal)])
async def list_references() -> dict[str, Any]:
    """Known special hours as data, to be posted as they are or changed."""
    return page(json.loads(REFERENCES.read_text(encoding="utf-8")), None)


@router.post("", status_code=201)
async def give_hours(given: HoursIn, service: Running, who: Officer) -> dict[str, Any]:
    """Special hours to come; plans change when a roster is published."""
    today: dt.date = plans.today(service.clock)
    if given.first < today:
        raise Problem(422, "validation", errors=[FieldError("from", "hours.past")])
    special_id, now = uuid4(), service.clock.now()
    body = given.model_dump(mode="json", by_alias=True)
    async with service.db.transaction() as tx:
        stored = await known(tx.connection, "units")
        errors = [
            FieldError(f"opd_codes.{n}", "scope.unknown_opd", {"id": code})
            for n, code in enumerate(given.opd_codes)
            if code not in stored.opds
        ] + [
            FieldError(f"unit_ids.{n}", "scope.unknown_unit", {"id": unit})
            for n, unit in enumerate(given.unit_ids)
            if unit not in stored.unit_opd
        ]
        if errors:
            raise Problem(422, "validation", errors=errors)
        await special.add(tx.connection, special_id, body, given.first, given.last, now, officer_name(who))
        await plans.note(tx, now, who, "hours.given", subject=special_id, reason=given.name)
    return {**body, "special_id": special_id}


@router.post("/{special_id}/withdraw")
async def withdraw(special_id: UUID, service: Running, who: Officer) -> dict[str, Any]:
    """They hold no longer."""
    async with service.db.transaction() as tx:
        if not await special.withdraw(tx.connection, special_id):
            raise Problem(404, "not_found")
        await plans.note(tx, service.clock.now(), who, "hours.withdrawn", subject=special_id, reason=None)
    return {"special_id": special_id, "withdrawn": True}
