"""Composition of the scheduling service."""

from fastapi import FastAPI

from services.scheduling.api import imports, plans, policies, rosters, rules
from shared.clock import Clock
from shared.service import build
from shared.settings import Settings


def create_app(settings: Settings, clock: Clock | None = None) -> FastAPI:
    """The application; `clock` is for tests."""
    return build(
        settings,
        routers=[imports.router, rules.router, policies.router, rosters.router, plans.router],
        clock=clock,
        body_limits={"/scheduling/v1/imports": imports.BODY_LIMIT},
    )
