"""Tells those who follow their inbox what is new in it, in whichever process it was written."""

import asyncio
import logging

from services.notifications.store.live import CHANNEL
from services.notifications.views.live import Live, look
from shared import failures
from shared.service import Service

log = logging.getLogger(__name__)

AT_ONCE = 200
"""Followers whose inboxes are looked at in one transaction."""
BREATH_S = 0.02
"""Wall seconds between two looks: what comes sooner after each other is told together."""


async def follow_inboxes(service: Service, live: Live) -> None:
    """Background task of the notifications service; runs until cancelled."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(service.db.listen(CHANNEL, live.heard, live.began))
        tasks.create_task(_tell(service, live))
        tasks.create_task(_say_goodbye(service, live))


async def _say_goodbye(service: Service, live: Live) -> None:
    await service.stopping.wait()
    live.wake()


async def _tell(service: Service, live: Live) -> None:
    while True:
        await live.wanted.wait()
        some = live.stirred(AT_ONCE)
        try:
            async with service.db.read() as tx:
                await look(tx, some)
        except Exception as error:
            if not failures.is_away(error):
                raise
            live.stir(some)
            log.warning(
                "inboxes that are followed wait for the database",
                extra={"sparing": "live", "fields": {"failure": f"{type(error).__name__}: {error}"}},
            )
            await asyncio.sleep(1)
        await asyncio.sleep(BREATH_S)
