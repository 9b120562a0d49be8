"""Events in: everything that may concern someone, in one group, so that each batch is one transaction."""

from services.notifications import telling
from shared.bus import HandlerContext, Router
from shared.events import Received, RecordDisowned

router = Router()


@router.batch(RecordDisowned.topic, *telling.TABLE_OF, group="notifications.facts")
async def facts(batch: list[Received], context: HandlerContext) -> None:
    await telling.tell(batch, context)
