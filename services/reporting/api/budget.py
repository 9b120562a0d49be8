"""The doors of service over time: how objectives were kept, and which counters burn their budget."""

from fastapi import APIRouter

from services.reporting.api.figures import Running
from services.reporting.views import budget as views
from services.reporting.views.budget import Burning
from shared.auth import Caller
from shared.cursors import Limit, Page, cut, read_cursor

router = APIRouter(prefix="/reporting/v1", tags=["service"])


@router.get("/service/burning")
async def burning(_: Caller, service: Running, limit: Limit = 1000, cursor: str | None = None) -> Page[Burning]:
    """Service points that burn their error budget or have spent it, by unit_id. For everyone who is signed in."""
    unit_id, window = read_cursor(cursor, str, str) if cursor else ("", "")
    async with service.db.read() as tx:
        found = await views.burning(tx, (unit_id, window), limit + 1)
    return cut(found, limit, lambda one: [one.unit_id, one.window])
