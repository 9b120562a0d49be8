"""The composition of the notifications service."""

from fastapi import FastAPI

from services.notifications import facts, handlers
from services.notifications.api import inbox, preferences
from services.notifications.channels.registry import channels_of
from services.notifications.commands import notices
from services.notifications.tasks import delivery, upkeep
from shared import repairs
from shared.clock import Clock
from shared.service import build
from shared.settings import Settings


def create_app(settings: Settings, clock: Clock | None = None) -> FastAPI:
    deliveries = {
        f"delivery_{way}": delivery.worker(channel, delivery.shipped_limits)
        for way, channel in channels_of(settings).items()
    }
    return build(
        settings,
        routers=[inbox.router, preferences.router],
        handlers=handlers.router,
        tasks={
            "upkeep": upkeep.keep_small,
            "repairs": repairs.task(facts.PROJECTION, notices.rejoin),
            **deliveries,
        },
        clock=clock,
    )
