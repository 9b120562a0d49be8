"""Taking in what reporting says of counters' budgets. It moves no plan: the next roster is made by it."""

from services.scheduling.facts import PROJECTION
from shared.bus import HandlerContext
from shared.database import Tx
from shared.events import Received
from shared.repairs import Repaired


async def take_in(batch: list[Received], context: HandlerContext) -> None:
    """The consumer's handler: one batch, one transaction."""
    async with context.db.transaction() as tx:
        await PROJECTION.fold(tx, batch, context.metrics)


async def rejoin(tx: Tx, repaired: Repaired, context: HandlerContext) -> None:
    """Nobody is told anything: a repair joins as the consumer does."""
    await PROJECTION.fold(tx, repaired.events, context.metrics)
