"""Asks offices by letter whether they want what was put down for their address; before they say so, none comes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from services.notifications.channels.email import EmailChannel
from services.notifications.store import boxes as store
from shared.database import Database
from shared.service import Service

log = logging.getLogger(__name__)

LOOK_S = 2.0
AT_MOST = 50
"""So often one address is asked while its server answers with "later": eight hours, ten minutes apart."""


def asking(channel: EmailChannel) -> Callable[[Service], Awaitable[None]]:
    """The background task."""

    async def work(service: Service) -> None:
        while True:
            while await ask_next(service.db, channel):
                pass
            service.health["confirmations"].worked()
            await asyncio.sleep(LOOK_S)

    return work


async def ask_next(db: Database, channel: EmailChannel) -> bool:
    """Ask one office; whether there was one to ask."""
    async with db.transaction() as tx:
        due = await store.next_to_ask(tx, at_most=AT_MOST)
    if due is None:
        return False
    outcome = await channel.ask(due.subscription_id, due.address, due.kinds, due.language, due.asks)
    if outcome.became == "later":
        log.info("an office could not be asked yet", extra={"fields": {"why": outcome.error}})
        return True
    if outcome.became != "delivered":
        fields = {"subscription_id": str(due.subscription_id), "why": outcome.error}
        log.warning("an office may not have been asked whether it wants letters", extra={"fields": fields})
    async with db.transaction() as tx:
        await store.asked(tx, due.subscription_id, due.address)
    return True
