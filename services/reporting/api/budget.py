"""The doors of service over time: how objectives were kept, and which counters burn their budget."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.reporting.api.figures import Code, Running
from services.reporting.api.periods import Asked
from services.reporting.domain.periods import Step
from services.reporting.views import budget as views
from services.reporting.views.budget import Burning, Of, OpdService, ServiceOf, UnitService
from shared.auth import Caller
from shared.cursors import Limit, Page, cut, read_cursor

router = APIRouter(prefix="/reporting/v1", tags=["service"])

By = Annotated[Step, Query(description="Parts of the period: days, weeks from Monday on, or calendar months")]


@router.get("/service/burning")
async def burning(_: Caller, service: Running, limit: Limit = 1000, cursor: str | None = None) -> Page[Burning]:
    """Service points that burn their error budget or have spent it, by unit_id. For everyone who is signed in."""
    unit_id, window = read_cursor(cursor, str, str) if cursor else ("", "")
    async with service.db.read() as tx:
        found = await views.burning(tx, (unit_id, window), limit + 1)
    return cut(found, limit, lambda one: [one.unit_id, one.window])


@router.get("/service")
async def of_city(
    asked: Asked,
    _: Caller,
    service: Running,
    of: Annotated[Of, Query(description="Whose service: that of each service point, or of each OPD")] = "unit",
    limit: Limit = 1000,
    cursor: str | None = None,
) -> Page[ServiceOf]:
    """Service points over a period, by unit_id, or OPDs by opd_code. For everyone who is signed in."""
    (after,) = read_cursor(cursor, str) if cursor else ("",)
    async with service.db.read() as tx:
        found = await views.of_city(tx, asked.period, of, asked.as_of)
    listed = [one for one in found if (one.unit_id or one.opd_code) > after]
    return cut(listed, limit, lambda one: [one.unit_id or one.opd_code])


@router.get("/units/{unit_id}/service")
async def of_unit(unit_id: Code, asked: Asked, _: Caller, service: Running, by: By = "month") -> UnitService:
    """How a service point kept its objective: attainment, fill, error budget and how fast it went. For everyone
    who is signed in."""
    async with service.db.read() as tx:
        return await views.of_unit(tx, unit_id, asked.period, by, asked.as_of)


@router.get("/opds/{opd_code}/service")
async def of_opd(opd_code: Code, asked: Asked, _: Caller, service: Running, by: By = "month") -> OpdService:
    """The same of an OPD's service points, added up. For everyone who is signed in."""
    async with service.db.read() as tx:
        return await views.of_opd(tx, opd_code, asked.period, by, asked.as_of)
