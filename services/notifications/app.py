"""The composition of the notifications service."""

from fastapi import FastAPI

from services.notifications import api, facts, handlers, tasks
from services.notifications.commands import notices
from shared import repairs
from shared.clock import Clock
from shared.service import build
from shared.settings import Settings


def create_app(settings: Settings, clock: Clock | None = None) -> FastAPI:
    return build(
        settings,
        routers=[api.router],
        handlers=handlers.router,
        tasks={"upkeep": tasks.keep_small, "repairs": repairs.task(facts.PROJECTION, notices.rejoin)},
        clock=clock,
    )
