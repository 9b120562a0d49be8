"""The doors of the city's and the OPDs' figures, and the moment that every view is asked about.

An auditor reads what BKPSDM reads. The council reads aggregates only: no door here gives it a person.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from services.reporting.domain.kept import check_kept
from services.reporting.views.figures import CityFigures, OpdFigures, look_at, reader_of
from shared.access import READ_CITY, READ_OPDS
from shared.auth import Caller, require
from shared.cursors import Page
from shared.dates import local_date
from shared.events.base import MAX_CODE, Date
from shared.query import InstantParam, not_ahead
from shared.refusals import Forbidden
from shared.service import Service, service_of

router = APIRouter(prefix="/reporting/v1", tags=["views"])

Running = Annotated[Service, Depends(service_of)]
Code = Annotated[str, Path(max_length=MAX_CODE, pattern=r"^[^\x00]+$")]


@dataclass(frozen=True, slots=True)
class Moment:
    """Which local work date is looked at, and as of which instant."""

    date: dt.date
    as_of: dt.datetime


def moment(
    service: Running,
    date: Annotated[
        Date | None, Query(description="Local work date; the date of as_of when left out", examples=["2025-11-06"])
    ] = None,
    as_of: Annotated[
        InstantParam | None,
        Query(
            description="Instant with an offset, not in the future; now when left out",
            examples=["2025-11-06T08:00:00+07:00"],
        ),
    ] = None,
) -> Moment:
    """FastAPI dependency: the `date` and `as_of` of a view. Raises Missing for a date that is no longer kept."""
    now = service.clock.now()
    instant = not_ahead(as_of, now)
    date = date or local_date(instant)
    check_kept(date, local_date(now), service.settings.keep_facts_months)
    return Moment(date, instant)


At = Annotated[Moment, Depends(moment)]


@router.get("/city", dependencies=[Depends(require(READ_CITY))])
async def city(at: At, who: Caller, service: Running) -> CityFigures:
    """The city on one date. For BKPSDM, auditors and the council, who are shown no figures of few people."""
    async with service.db.read() as tx:
        board = await look_at(tx, at.date, at.as_of)
    return board.city(reader_of(who))


@router.get("/opds")
async def opds(at: At, who: Caller, service: Running) -> Page[OpdFigures]:
    """The same for each OPD; an OPD admin sees their own."""
    reader = reader_of(who)
    if "opds" not in reader.views:
        raise Forbidden("auth.forbidden", params={"role": who.role, "allowed": ", ".join(READ_OPDS)})
    async with service.db.read() as tx:
        board = await look_at(tx, at.date, at.as_of, reader.opd)
    return Page(items=board.opds(reader))
