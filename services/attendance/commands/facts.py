"""Taking in what other services say."""

from collections.abc import Sequence

from services.attendance.facts import PROJECTION
from services.attendance.store import devices, flags, punches, terminals
from shared import requests
from shared.bus import HandlerContext
from shared.database import Tx
from shared.events import Received
from shared.repairs import Repaired


async def take_in(batch: list[Received], context: HandlerContext) -> None:
    """The consumer's handler: one batch, one transaction."""
    async with context.db.transaction() as tx:
        await _join(tx, batch, context)


async def rejoin(tx: Tx, repaired: Repaired, context: HandlerContext) -> None:
    """Nobody is told anything by attendance: a repair joins as the consumer does."""
    await _join(tx, repaired.events, context)


async def _join(tx: Tx, batch: Sequence[Received], context: HandlerContext) -> None:
    fold = await PROJECTION.fold(tx, batch, context.metrics)
    if fold.erased:
        await punches.forget(tx, fold.erased)
        await devices.forget(tx, fold.erased)
        await terminals.forget(tx, fold.erased)
        await flags.forget(tx, fold.erased)
        await requests.forget(tx, fold.erased)
