"""Keeps the tables of facts in order: partitions for the months to come, an end for what is too old."""

import asyncio
import time

from services.reporting.commands import drafts, upkeep
from services.reporting.domain.kept import kept_from, shown_from
from shared.dates import local_date
from shared.service import Service

EVERY_S = 10.0
LET_GO_EVERY_S = 3600.0
"""Looking for what is too old reads whole tables."""


async def keep_up(service: Service) -> None:
    """Background task of the reporting service; runs until cancelled."""
    let_go_at = time.monotonic()
    while True:
        today = local_date(service.clock.now())
        first = kept_from(today, service.settings.keep_facts_months)
        await upkeep.make_room(service.db, today)
        if time.monotonic() >= let_go_at:
            if first is not None:
                await upkeep.let_go(service.db, first)
            writings_from = shown_from(today, service.settings.keep_reports_months)
            if writings_from is not None:
                await upkeep.let_go_of_writings(service.db, writings_from)
            await drafts.forget(service.db, service.clock.now())
            let_go_at = time.monotonic() + LET_GO_EVERY_S
        service.health["upkeep"].worked()
        await asyncio.sleep(EVERY_S)
