"""Makes the packs that were asked for, one after another."""

import asyncio

from services.reporting.commands import packs
from shared.proof_keys import ProofKeys
from shared.service import Service

LOOK_S = 15.0
"""So often it looks for what another process left unmade; what is asked of this one it hears at once."""


async def keep_making(service: Service, keys: ProofKeys | None, asked: asyncio.Event) -> None:
    """Background task of the reporting service; runs until cancelled."""
    while True:
        asked.clear()
        while keys is not None and await packs.make_next(service.db, keys):
            service.health["packs"].worked()
        service.health["packs"].worked()
        try:
            async with asyncio.timeout(LOOK_S):
                await asked.wait()
        except TimeoutError:
            pass
