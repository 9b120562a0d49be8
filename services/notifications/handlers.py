"""Events in: everything that may concern someone, in one group, so that each batch is one transaction."""

from services.notifications import telling
from shared.bus import HandlerContext, Router
from shared.events import Received

router = Router()


@router.batch(
    "directory.employee.v1",
    "directory.unit.v1",
    "schedule.changed.v1",
    "report.reviewed.v1",
    "compliance.changed.v1",
    "coverage.changed.v1",
    "outage.declared.v1",
    group="notifications.facts",
)
async def facts(batch: list[Received], context: HandlerContext) -> None:
    await telling.tell(batch, context)
