"""The composition of the reporting service: the only module that puts its parts together."""

import asyncio

from fastapi import FastAPI

from services.reporting import handlers
from services.reporting.api import (
    allowance,
    budget,
    catalogue,
    counters,
    demand,
    drafts,
    evidence,
    explain,
    figures,
    intentions,
    monthly,
    output,
    packs,
    people,
    pilots,
    proof_keys,
    ratings,
    reports,
    reviews,
    sampling,
    stream,
    targets,
    team,
    transparency,
    whatif,
)
from services.reporting.api.pages import oidc, page, sign_in
from services.reporting.api.pages.app import days, lists, me, report, today, worker
from services.reporting.api.pages.board import home as board_home
from services.reporting.api.pages.board import opds as board_opds
from services.reporting.api.pages.board import units as board_units
from services.reporting.api.pages.desk import alerts as desk_alerts
from services.reporting.api.pages.desk import office as desk_office
from services.reporting.api.pages.desk import packs as desk_packs
from services.reporting.api.pages.desk import pilots as desk_pilots
from services.reporting.api.pages.desk import team as desk_team
from services.reporting.commands import facts
from services.reporting.commands.oidc import SignOn
from services.reporting.commands.sessions import Sessions
from services.reporting.facts import PROJECTION
from services.reporting.tasks import budget as burning
from services.reporting.tasks import evidence as purge
from services.reporting.tasks import forecast as foreseeing
from services.reporting.tasks import log as following
from services.reporting.tasks import packs as pack_making
from services.reporting.tasks import steps, transitions, upkeep
from services.reporting.tasks.live import follow_facts
from services.reporting.views.live import Live
from shared import audit_doors, repairs
from shared.audit import AuditRow
from shared.auth import session_key
from shared.catalogue import router as catalogue_of_events
from shared.clock import Clock
from shared.files import files_of
from shared.proof_keys import ProofKeys
from shared.service import Service, build
from shared.settings import Settings


def create_app(settings: Settings, clock: Clock | None = None) -> FastAPI:
    """The reporting service as an ASGI application with a life of its own."""

    keys = ProofKeys.from_file(settings.proof_key_file) if settings.proof_key_file else None

    def prepare(service: Service, app: FastAPI) -> None:
        key = session_key(settings.token_private_key_file, app.state.authenticator)
        sessions = app.state.sessions = Sessions(service.db, key)
        app.state.sign_on = SignOn(settings, service.db, sessions) if settings.oidc_issuer else None
        app.state.live = Live()
        app.state.files = files_of(settings)
        app.state.proof_keys = keys
        app.state.packs_asked = asyncio.Event()

    async def make_packs(service: Service) -> None:
        await pack_making.keep_making(service, keys, app.state.packs_asked)

    async def live(service: Service) -> None:
        await follow_facts(service, app.state.live)

    async def log(service: Service) -> None:
        await following.follow(service, keys)

    doors = [
        *(reports, reviews, team, drafts, evidence, intentions, targets, catalogue, ratings, sampling, demand),
        *(figures, output, explain, people, counters, budget, pilots, stream),
        *(monthly, allowance, whatif),
        *(proof_keys, packs, transparency),
    ]
    app = build(
        settings,
        routers=[
            *(door.router for door in doors),
            audit_doors.router("/reporting/v1", AuditRow),
            sign_in.links,
            sign_in.router,
            oidc.router,
            *(part.router for part in (board_home, board_opds, board_units)),
            *(part.router for part in (today, report, days, lists, me, worker)),
            desk_team.router,
            desk_alerts.router,
            desk_packs.router,
            desk_pilots.router,
            desk_office.router,
            page.files,
            catalogue_of_events(settings),
        ],
        handlers=handlers.router,
        tasks={
            "steps": steps.keep_up,
            "transitions": transitions.ticker,
            "live": live,
            "budget": burning.watch,
            "forecast": foreseeing.watch,
            "upkeep": upkeep.keep_up,
            "evidence": purge.keep_clean,
            "log": log,
            "packs": make_packs,
            "repairs": repairs.task(PROJECTION, facts.rejoin),
        },
        clock=clock,
        body_limits={
            "/reporting/v1/catalogue/imports": catalogue.BODY_LIMIT,
            "/reporting/v1/demand/imports": demand.BODY_LIMIT,
            "/reporting/v1/me/reports/*/evidence": evidence.BODY_LIMIT,
        },
        never_refused=["/reporting/static/"],
        prepare=prepare,
    )
    # Not in `prepare`: a server of its own has put the application together by then, and would not see it.
    app.add_exception_handler(page.Turned, page.on_turned)
    return app
