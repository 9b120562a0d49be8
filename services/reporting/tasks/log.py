"""Follows the log into its Merkle trees, and signs them hourly; one process at a time does."""

import asyncio

from services.reporting.commands import transparency
from services.reporting.domain.transparency import under_trees
from shared.bus import client_arguments
from shared.proof_keys import ProofKeys
from shared.service import Service

EVERY_S = 60.0
"""Between two looks. What a look costs beside the records themselves is shared by all that came meanwhile."""


async def follow(service: Service, keys: ProofKeys | None) -> None:
    """Background task of the reporting service; runs until cancelled."""
    client = {**client_arguments(service.settings), "client_id": "hadir-log"}
    topics = [topic.name for topic in under_trees()]
    while True:
        if keys is not None:
            async with service.db.alone("hadir.log") as alone:
                if alone:
                    now = service.clock.now()
                    await transparency.grow(service.db, client, topics, now)
                    await transparency.sign(service.db, keys, service.settings.log_origin, now)
            standing = await transparency.standing(service.db, service.clock.now())
            service.metrics.log_waiting.set(standing.waiting_s)
            service.metrics.log_differing.set(standing.differing)
        service.health["log"].worked()
        await asyncio.sleep(EVERY_S)
