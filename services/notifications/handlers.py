"""Events in: everything that may concern someone, in one group, so that each batch is one transaction."""

from services.notifications.commands import notices
from shared.bus import HandlerContext, Router
from shared.events import Received, RecordDisowned

router = Router()


@router.batch(RecordDisowned.topic, *notices.TABLE_OF, group="notifications.facts")
async def facts(batch: list[Received], context: HandlerContext) -> None:
    await notices.tell(batch, context)
