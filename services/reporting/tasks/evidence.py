"""Purges evidence that has been kept for long enough."""

import asyncio
import datetime as dt

from services.reporting.commands import evidence
from shared.files import files_of
from shared.service import Service

EVERY_S = 60.0


async def keep_clean(service: Service) -> None:
    """Background task of the reporting service; runs until cancelled."""
    files = files_of(service.settings)
    kept = dt.timedelta(days=service.settings.keep_evidence_days)
    while True:
        await evidence.purge(service.db, files, service.clock.now(), kept)
        service.health["evidence"].worked()
        await asyncio.sleep(EVERY_S)
