"""Events in: which topics are facts."""

from services.reporting.facts import CONSUMED, apply
from shared.bus import HandlerContext, Router
from shared.events import Received

router = Router()

GROUP = "reporting.facts"


@router.batch(*CONSUMED, group=GROUP)
async def facts(batch: list[Received], context: HandlerContext) -> None:
    async with context.db.transaction() as tx:
        await apply(tx, batch, context.metrics)
