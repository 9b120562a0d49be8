"""The composition of the notifications service."""

from fastapi import FastAPI

from services.notifications import facts, handlers
from services.notifications.api import inbox, preferences
from services.notifications.channels.registry import channels_of
from services.notifications.commands import notices
from services.notifications.tasks import delivery, escalation, upkeep
from shared import repairs
from shared.clock import Clock
from shared.service import build
from shared.settings import Settings


def create_app(settings: Settings, clock: Clock | None = None) -> FastAPI:
    channels = channels_of(settings)
    return build(
        settings,
        routers=[inbox.router, preferences.router],
        handlers=handlers.router,
        tasks={
            "upkeep": upkeep.keep_small,
            "escalation": escalation.carry_on,
            "repairs": repairs.task(facts.PROJECTION, notices.rejoin),
            "delivery": delivery.watch(channels),
            **{delivery.task_of(way): delivery.worker(channel) for way, channel in channels.items()},
        },
        clock=clock,
    )
