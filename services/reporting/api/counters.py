"""The doors of service points: all of them, and one date of one of them."""

from fastapi import APIRouter

from services.reporting.api.figures import At, Code, Running
from services.reporting.domain.counters import UnitFigures
from services.reporting.views import counters as views
from services.reporting.views.counters import UnitTimeline
from shared.auth import Caller
from shared.cursors import Limit, Page, cut, read_cursor

router = APIRouter(prefix="/reporting/v1", tags=["views"])


@router.get("/units")
async def units(
    at: At, _: Caller, service: Running, limit: Limit = 1000, cursor: str | None = None
) -> Page[UnitFigures]:
    """Every service point, by unit_id. For everyone who is signed in."""
    (after,) = read_cursor(cursor, str) if cursor else ("",)
    async with service.db.read() as tx:
        listed = [unit for unit in await views.units(tx, at.date, at.as_of) if unit.unit_id > after]
    return cut(listed, limit, lambda unit: [unit.unit_id])


@router.get("/units/{unit_id}/timeline")
async def timeline(unit_id: Code, at: At, _: Caller, service: Running) -> UnitTimeline:
    """One service point's date, segment by segment. For everyone who is signed in."""
    async with service.db.read() as tx:
        return await views.timeline(tx, unit_id, at.date, at.as_of)
