"""The doors of pilots: fixed before they start, read by everyone who judges them, and what may be said."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from services.reporting.api.figures import Running
from services.reporting.commands import pilots as commands
from services.reporting.domain.pilots import PILOT_ID, Protocol
from services.reporting.views import pilots as views
from services.reporting.views.pilots import PilotPower, PilotSummary, PilotVerdict, PilotView
from shared.access import READ_PILOTS, REGISTER_PILOTS, SMALL_CELLS_MERGED, Principal, may
from shared.auth import require
from shared.cursors import Limit, Page, cut, read_cursor
from shared.events.base import MAX_REVISION
from shared.query import InstantParam, not_ahead

router = APIRouter(prefix="/reporting/v1/pilots", tags=["pilots"])

Id = Annotated[str, Path(pattern=PILOT_ID)]
Revision = Annotated[
    int | None, Query(ge=1, le=MAX_REVISION, description="A revision of the protocol; the newest when left out")
]
Officer = Annotated[Principal, Depends(require(REGISTER_PILOTS))]
Reader = Annotated[Principal, Depends(require(READ_PILOTS))]


@router.post("", responses={201: {"model": PilotView, "description": "A new pilot, or a new revision of one"}})
async def register(
    given: Protocol,
    who: Officer,
    service: Running,
    response: Response,
    revision: Annotated[
        int | None,
        Query(ge=0, le=MAX_REVISION, description="The revision that this changes; 409 where there is a newer one"),
    ] = None,
) -> PilotView:
    """Fix a pilot before it starts: 201, and 200 for the same protocol again, which changes nothing.

    Another protocol of the same pilot_id is a new revision; from the first date of the trial on it is marked
    `amended_after_start`, for good. A trial that has begun before anything was registered is refused.
    """
    registered = await commands.register(service.db, service.clock, who, given, revision)
    response.status_code = 201 if registered.made else 200
    async with service.db.read() as tx:
        return await views.show(tx, registered.pilot)


@router.get("")
async def pilots(_: Reader, service: Running, limit: Limit = 100, cursor: str | None = None) -> Page[PilotSummary]:
    """The newest revision of each pilot, by pilot_id. For BKPSDM, auditors and the council."""
    (after,) = read_cursor(cursor, str) if cursor else ("",)
    async with service.db.read() as tx:
        found = await views.newest(tx, after, limit + 1)
    return cut(found, limit, lambda pilot: [pilot.pilot_id])


@router.post("/power")
async def power_of_draft(given: Protocol, _: Officer, service: Running) -> PilotPower:
    """What a protocol could tell, before it is registered; nothing is kept.

    Simulated from its baseline as far as it is known, else from the newest eight weeks before its trial.
    """
    as_of = service.clock.now()
    async with service.db.read() as tx:
        return await views.draft_power(tx, given, as_of)


@router.get("/{pilot_id}")
async def pilot(pilot_id: Id, _: Reader, service: Running, revision: Revision = None) -> PilotView:
    """A protocol with its hash and all its revisions."""
    async with service.db.read() as tx:
        return await views.show(tx, await views.find(tx, pilot_id, revision))


@router.get("/{pilot_id}/verdict")
async def verdict(
    pilot_id: Id,
    who: Reader,
    service: Running,
    revision: Revision = None,
    as_of: InstantParam | None = None,
) -> PilotVerdict:
    """What may be said of the pilot: within the margin, worse than it, or that it cannot be told yet; and why.

    Where an OPD has few people the council is shown the difference alone, and no OPD's figures.
    """
    instant = not_ahead(as_of, service.clock.now())
    async with service.db.read() as tx:
        found = await views.find(tx, pilot_id, revision)
        return await views.verdict(tx, found, instant, merged=may(who, SMALL_CELLS_MERGED))


@router.get("/{pilot_id}/power")
async def power(
    pilot_id: Id,
    _: Reader,
    service: Running,
    revision: Revision = None,
    as_of: InstantParam | None = None,
) -> PilotPower:
    """What the protocol could tell: the chance to say "within the margin", and the least margins that it tells.

    Simulated from its baseline as far as it is known, else from the newest eight weeks before its trial.
    """
    instant = not_ahead(as_of, service.clock.now())
    async with service.db.read() as tx:
        found = await views.find(tx, pilot_id, revision)
        return await views.power(tx, found.protocol, instant)
