"""The directory over time."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import AfterValidator, Field, model_validator

from services.scheduling.api.doors import Body, Running
from services.scheduling.commands import people as commands
from services.scheduling.domain.policies import Echelon, PolicyDate, not_before
from services.scheduling.views import people as views
from services.scheduling.views.answer import some
from services.scheduling.views.directory import Place
from services.scheduling.views.people import (
    Acting,
    ActingId,
    CancelledPosting,
    ChangedPosting,
    EndedActing,
    Erased,
    PostingChange,
    Publication,
    RemotePlaces,
)
from shared.access import MANAGE_DIRECTORY, Principal
from shared.auth import require
from shared.cursors import Page
from shared.dates import local_date
from shared.events.base import MAX_HEADS, Code, UnitId
from shared.personal import Reason
from shared.refusals import wrong

router = APIRouter(prefix="/scheduling/v1", tags=["directory"])
ASKS_OFFICER = Depends(require(MANAGE_DIRECTORY))
Officer = Annotated[Principal, ASKS_OFFICER]


class PostingIn(Body):
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
            raise wrong("posting.unit_of_transfer")
        if (self.kind == "discipline") != (self.until is not None):
            raise wrong("posting.until_of_discipline")
        if (self.timetable == "shift") != (self.shift_group is not None):
            raise wrong("posting.shift_group")
        return self


class ActingIn(Body):
    """Plh (for days) or Plt (for longer): `deputy_id` acts for `absent_id`, both dates included."""

    absent_id: UUID
    deputy_id: UUID
    kind: Literal["PLH", "PLT"]
    first: Annotated[PolicyDate, Field(alias="from")]
    last: Annotated[PolicyDate, Field(alias="to"), AfterValidator(not_before("first"))]
    letter: Annotated[str, Field(max_length=100)] | None = None


class PlaceIn(Body):
    lat: Annotated[float, Field(ge=-90, le=90)]
    lon: Annotated[float, Field(ge=-180, le=180)]
    radius_m: Annotated[float, Field(ge=1, le=10_000)]


class PlacesIn(Body):
    places: Annotated[list[PlaceIn], Field(max_length=5)]


class EraseIn(Body):
    reason: Reason


@router.post("/employees/{employee_id}/postings", status_code=201)
async def change_posting(employee_id: UUID, given: PostingIn, service: Running, who: Officer) -> ChangedPosting:
    """A transfer, departure, new post or discipline period from a date on; the answer lists what stays behind."""
    body = given.model_dump(exclude={"kind", "effective_from"}, exclude_unset=True, exclude_none=True)
    posting = commands.Posting(employee_id, given.kind, given.effective_from, body)
    return await commands.change_posting(service.db, service.clock, who, posting)


@router.get("/employees/{employee_id}/postings", dependencies=[ASKS_OFFICER])
async def list_postings(employee_id: UUID, service: Running) -> Page[PostingChange]:
    """A person's changes, past and to come."""
    async with service.db.read() as tx:
        return Page(items=await views.postings(tx, employee_id))


@router.post("/postings/{change_id}/cancel")
async def cancel_posting(change_id: UUID, service: Running, who: Officer) -> CancelledPosting:
    """Take back a change that still waits."""
    await commands.cancel_posting(service.db, service.clock, who, change_id)
    return CancelledPosting(change_id=change_id)


@router.put("/employees/{employee_id}/remote-places")
async def set_remote_places(employee_id: UUID, given: PlacesIn, service: Running, who: Officer) -> RemotePlaces:
    """The places where a person may work away from the office."""
    places = [place.model_dump() for place in given.places]
    await commands.set_remote_places(service.db, service.clock, who, employee_id, places)
    return RemotePlaces(employee_id=employee_id, places=[Place.model_validate(place) for place in places])


@router.post("/employees/{employee_id}/erase")
async def erase(employee_id: UUID, given: EraseIn, service: Running, who: Officer) -> Erased:
    """Delete the personal data of someone who has left, everywhere: a tombstone goes out."""
    await commands.erase(service.db, service.clock, who, employee_id, given.reason)
    return Erased(employee_id=employee_id)


@router.post("/directory/publish")
async def publish_again(service: Running, who: Officer) -> Publication:
    """Publish the whole directory once more. `withheld` names the entries that cannot be, with what to mend."""
    sent = await commands.publish_again(service.db, service.clock, who)
    return Publication(published=sent.count, withheld=some(sent.withheld))


@router.post("/acting", status_code=201)
async def appoint(given: ActingIn, service: Running, who: Officer) -> ActingId:
    """An acting deputy for a superior."""
    acting = commands.Acting(given.absent_id, given.deputy_id, given.kind, given.first, given.last, given.letter)
    return ActingId(acting_id=await commands.appoint(service.db, service.clock, who, acting))


@router.get("/acting", dependencies=[ASKS_OFFICER])
async def list_acting(service: Running) -> Page[Acting]:
    """Acting periods that have not ended."""
    async with service.db.read() as tx:
        return Page(items=await views.acting(tx, local_date(service.clock.now())))


@router.post("/acting/{acting_id}/end")
async def end_acting(acting_id: UUID, service: Running, who: Officer) -> EndedActing:
    """The period ends now."""
    await commands.end_acting(service.db, service.clock, who, acting_id)
    return EndedActing(acting_id=acting_id)
