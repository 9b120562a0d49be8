"""Readiness of OPD and units."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends

from services.scheduling.api.doors import OR_CSV, CsvResponse, Running, csv_response
from services.scheduling.commands import readiness as commands
from services.scheduling.domain.readiness import AssessmentIn, Weights
from services.scheduling.views import readiness as views
from services.scheduling.views.readiness import Assessment, Readiness, StoredWeights
from shared.access import ASSESS_READINESS, GOVERN, READ_READINESS, Principal
from shared.auth import principal, require
from shared.cursors import Page
from shared.dates import local_date
from shared.events.base import Date

router = APIRouter(prefix="/scheduling/v1/readiness", tags=["readiness"])
Officer = Annotated[Principal, Depends(require(GOVERN))]
Assessor = Annotated[Principal, Depends(require(ASSESS_READINESS))]
Reader = Annotated[Principal, Depends(require(READ_READINESS))]


@router.get("/weights", dependencies=[Depends(principal)])
async def read_weights(service: Running) -> StoredWeights:
    """The weights in use; version 0 are the defaults."""
    async with service.db.read() as tx:
        return await views.weights(tx)


@router.put("/weights")
async def set_weights(given: Weights, service: Running, who: Officer) -> StoredWeights:
    """A new version of the weights, for assessments from now on."""
    return await commands.set_weights(service.db, service.clock, who, given)


@router.post("", status_code=201)
async def assess(given: AssessmentIn, service: Running, who: Assessor) -> Assessment:
    """Store an assessment; its recommended share caps policies from its date on, unless one says why not."""
    return await commands.assess(service.db, service.clock, who, given)


@router.get("", response_model=Page[Readiness], responses=OR_CSV)
async def read_city(
    service: Running, who: Reader, date: Date | None = None, format: Literal["json", "csv"] = "json"
) -> Page[Readiness] | CsvResponse:
    """Every OPD and unit with its latest assessment on a date, as a list or as CSV."""
    async with service.db.read() as tx:
        rows = await views.city(tx, who, date or local_date(service.clock.now()))
    return csv_response(views.COLUMNS, rows) if format == "csv" else Page(items=rows)
