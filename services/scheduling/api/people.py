"""The directory over time."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from services.scheduling.commands import people
from services.scheduling.commands.people import Acting, Posting
from services.scheduling.commands.plans import days, some
from services.scheduling.domain.policies import Echelon, PolicyDate, not_before
from services.scheduling.store import people as people_store
from shared.access import MANAGE_DIRECTORY, Principal
from shared.auth import require
from shared.dates import local_date
from shared.events.base import MAX_HEADS, Code, UnitId
from shared.http import page
from shared.personal import Reason
from shared.service import Service, service_of

router = APIRouter(prefix="/scheduling/v1", tags=["directory"])
Running = Annotated[Service, Depends(service_of)]
Officer = Annotated[Principal, Depends(require(MANAGE_DIRECTORY))]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class PostingIn(_In):
    """A change of a person's posting from a date on. Fields that are not given stay as they are."""

    kind: Literal["transfer", "departure", "post", "discipline"]
    effective_from: PolicyDate
    unit_id: UnitId | None = None
    supervisor_id: UUID | None = None
    timetable: Literal["five_day", "six_day", "shift"] | None = None
    shift_group: Annotated[int, Field(ge=0, le=3)] | None = None
    echelon: Echelon | None = None
    heads: Annotated[list[Code], Field(max_length=MAX_HEADS)] | None = None
    until: Annotated[PolicyDate | None, AfterValidator(not_before("effective_from"))] = None
    """Last day under discipline."""

    @model_validator(mode="after")
    def _whole(self) -> "PostingIn":
        if (self.kind == "transfer") != (self.unit_id is not None):
            raise ValueError("a transfer names unit_id, and nothing else does")
        if (self.kind == "discipline") != (self.until is not None):
            raise ValueError("a discipline period names until, and nothing else does")
        if (self.timetable == "shift") != (self.shift_group is not None):
            raise ValueError("shift_group goes with the timetable shift")
        return self


class ActingIn(_In):
    """Plh (for days) or Plt (for longer): `deputy_id` acts for `absent_id`, both dates included."""

    absent_id: UUID
    deputy_id: UUID
    kind: Literal["PLH", "PLT"]
    first: Annotated[PolicyDate, Field(alias="from")]
    last: Annotated[PolicyDate, Field(alias="to"), AfterValidator(not_before("first"))]
    letter: Annotated[str, Field(max_length=100)] | None = None


class PlaceIn(_In):
    lat: Annotated[float, Field(ge=-90, le=90)]
    lon: Annotated[float, Field(ge=-180, le=180)]
    radius_m: Annotated[float, Field(ge=1, le=10_000)]


class PlacesIn(_In):
    places: Annotated[list[PlaceIn], Field(max_length=5)]


class EraseIn(_In):
    reason: Reason


@router.post("/employees/{employee_id}/postings", status_code=201)
async def change_posting(employee_id: UUID, given: PostingIn, service: Running, who: Officer) -> dict[str, Any]:
    """A transfer, departure, new post or discipline period from a date on.

    The answer lists what stays behind: `left_behind` (headships that end, people whose superior goes elsewhere),
    `without_superior` (people with nobody named to review them, `reviewer_id` does so meanwhile), `plans` that a
    departure frees, and `needs_roster`, dates with published plans that no longer fit.
    """
    body = given.model_dump(exclude={"kind", "effective_from"}, exclude_unset=True, exclude_none=True)
    changed = await people.change_posting(
        service.db, service.clock, who, Posting(employee_id, given.kind, given.effective_from, body)
    )
    return {
        "change_id": changed.change_id,
        "left_behind": some(changed.left_behind),
        "without_superior": some(changed.without_superior),
        "plans": changed.plans,
        "needs_roster": days(changed.needs_roster),
    }


@router.get("/employees/{employee_id}/postings")
async def list_postings(employee_id: UUID, service: Running, who: Officer) -> dict[str, Any]:  # noqa: ARG001
    """A person's changes, past and to come."""
    async with service.db.read() as tx:
        return page([dict(row) for row in await people_store.changes_of(tx, employee_id)], None)


@router.post("/postings/{change_id}/cancel")
async def cancel_posting(change_id: UUID, service: Running, who: Officer) -> dict[str, Any]:
    """Take back a change that still waits."""
    await people.cancel_posting(service.db, service.clock, who, change_id)
    return {"change_id": change_id, "status": "cancelled"}


@router.put("/employees/{employee_id}/remote-places")
async def set_remote_places(employee_id: UUID, given: PlacesIn, service: Running, who: Officer) -> dict[str, Any]:
    """The places where a person may work away from the office."""
    places = [one.model_dump() for one in given.places]
    await people.set_remote_places(service.db, service.clock, who, employee_id, places)
    return {"employee_id": employee_id, "places": places}


@router.post("/employees/{employee_id}/erase")
async def erase(employee_id: UUID, given: EraseIn, service: Running, who: Officer) -> dict[str, Any]:
    """Delete the personal data of someone who has left, everywhere: a tombstone goes out."""
    await people.erase(service.db, service.clock, who, employee_id, given.reason)
    return {"employee_id": employee_id, "status": "erased"}


@router.post("/directory/publish")
async def publish_again(service: Running, who: Officer) -> dict[str, Any]:
    """Publish the whole directory once more. `withheld` names the entries that cannot be, with what to mend."""
    sent = await people.publish_again(service.db, service.clock, who)
    return {"published": sent.count, "withheld": some(sent.withheld)}


@router.post("/acting", status_code=201)
async def appoint(given: ActingIn, service: Running, who: Officer) -> dict[str, Any]:
    """An acting deputy for a superior."""
    acting = Acting(given.absent_id, given.deputy_id, given.kind, given.first, given.last, given.letter)
    acting_id = await people.appoint(service.db, service.clock, who, acting)
    return {"acting_id": acting_id}


@router.get("/acting")
async def list_acting(service: Running, who: Officer) -> dict[str, Any]:  # noqa: ARG001
    """Acting periods that have not ended."""
    async with service.db.read() as tx:
        return page([dict(row) for row in await people_store.acting(tx, local_date(service.clock.now()))], None)


@router.post("/acting/{acting_id}/end")
async def end_acting(acting_id: UUID, service: Running, who: Officer) -> dict[str, Any]:
    """The period ends now."""
    await people.end_acting(service.db, service.clock, who, acting_id)
    return {"acting_id": acting_id, "status": "ended"}
