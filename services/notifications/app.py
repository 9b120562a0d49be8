"""The composition of the notifications service."""

from fastapi import FastAPI

from services.notifications import facts, handlers
from services.notifications.api import inbox, preferences
from services.notifications.commands import notices
from services.notifications.tasks import escalation, upkeep
from shared import repairs
from shared.clock import Clock
from shared.service import build
from shared.settings import Settings


def create_app(settings: Settings, clock: Clock | None = None) -> FastAPI:
    return build(
        settings,
        routers=[inbox.router, preferences.router],
        handlers=handlers.router,
        tasks={
            "upkeep": upkeep.keep_small,
            "escalation": escalation.carry_on,
            "repairs": repairs.task(facts.PROJECTION, notices.rejoin),
        },
        clock=clock,
    )
