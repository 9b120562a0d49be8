"""The composition of one service: settings in, FastAPI application with a life of its own out."""

import asyncio
import contextlib
import logging
import math
import os
import signal
import socket
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache, partial
from types import FrameType
from typing import Any, NoReturn

import uvicorn
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response
from prometheus_client.exposition import choose_encoder
from pydantic import BaseModel

from shared import feed_doors, garbage, http, schema_doors, spans
from shared.auth import Authenticator
from shared.bus import Bus, HandlerContext, Router, client_arguments
from shared.callers import Callers
from shared.clock import Clock, clock_for
from shared.database import Database
from shared.direct import DirectProtocol, Short, Way
from shared.events import source_of
from shared.events.base import ServiceName
from shared.gate import Gate
from shared.openapi import Documented, operation_id
from shared.outbox import Relay
from shared.query import ONLY_KNOWN
from shared.server import config as server_config
from shared.server import listeners
from shared.settings import Settings, SettingsError, load
from shared.stopping import FOR_THE_DATABASE_S, FOR_THE_REST_S, Stopping
from shared.tasks import Health, forever
from shared.telemetry import Answers, Metrics, configure_logging

log = logging.getLogger(__name__)

Task = Callable[["Service"], Awaitable[None]]

FOR_SPANS_S = 2.0
"""So long a service that stops hands over the spans that wait."""

LAST_RESORT_S = 1.0
"""So long after its time is up a process is ended whatever still runs in it."""

MACHINES = ("livez", "readyz", "metrics")
"""The doors of those that look after a service."""

_CARRIERS = ("bus", "relay", "log", "followed")
"""Tasks that only carry events, or read them over. While Kafka is away they fail, and are named; requests are
answered all the same: a check-in waits in the outbox, and must not be turned away."""


class Service:
    """What the parts of one running service share."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
        handlers: Router | None,
        tasks: Iterable[str] = (),
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.metrics = metrics
        self.spans = spans.begin(settings.service, settings.otlp_endpoint)
        self.db = Database(
            settings.database_url,
            pool_size=settings.database_pool_size,
            application_name=f"hadir.{settings.service}",
        )
        kafka = client_arguments(settings)
        self.health = {name: Health(name, metrics) for name in ("bus", "relay", *tasks)}
        self.stopping = Stopping()
        context = HandlerContext(settings, self.db, clock, self.metrics)
        self.bus = Bus(context, handlers, kafka, self.health["bus"], self.stopping)
        schemas = cache(partial(schema_doors.address, settings))
        self.relay = Relay(self.db, kafka, self.metrics, self.health["relay"], schemas=schemas)

    @property
    def source(self) -> str:
        """The CloudEvents source of everything this service publishes."""
        return source_of(self.settings.service)

    async def not_ready(self) -> list[str]:
        """Reasons why this replica should get no requests now; empty when it should."""
        reasons = [f"consumer {group} has not started" for group in self.bus.not_ready()]
        reasons += self.bus.stopped()
        reasons += [told for name, told in self.failing().items() if name not in _CARRIERS]
        if self.stopping.is_set():
            reasons.append("stopping")
        try:
            await asyncio.wait_for(self.db.ping(), 3)
        except Exception as error:
            reasons.append(f"database: {type(error).__name__}: {error}")
        return reasons

    def failing(self) -> dict[str, str]:
        """The background tasks that have failed for a minute or hang, and what is known of it."""
        return {name: told for name, health in self.health.items() if (told := health.complaint()) is not None}


def build(
    settings: Settings,
    *,
    routers: Sequence[APIRouter],
    handlers: Router | None = None,
    tasks: Mapping[str, Task] | None = None,
    clock: Clock | None = None,
    body_limits: Mapping[str, int] | None = None,
    never_refused: Sequence[str] = (),
    direct: Mapping[str, Short[Any]] | None = None,
    prepare: Callable[[Service, FastAPI], None] | None = None,
) -> FastAPI:
    """The application of a service: its routes under `/<service>`, its consumers, its relay and its tasks.

    `tasks` run while the application does, and start again if they crash; one that crashes again and again is
    named by readiness, a metric and an alert. `body_limits` are bytes by the beginning of a path; a `*` in it
    stands for whatever is between its beginning and its end. `never_refused` are paths that no caller can ask for
    too often, `direct` the short ways of doors, by path. `prepare` may put what the routes share on
    `app.state`.
    """
    prefix = f"/{settings.service}"
    metrics = Metrics(settings.service)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        service = Service(
            settings, clock or clock_for(settings.state_dir, settings.clock), metrics, handlers, tasks or {}
        )
        app.state.service = service
        app.state.authenticator = Authenticator.from_file(settings.token_public_key_file)
        if prepare is not None:
            prepare(service, app)
        running = [
            asyncio.create_task(forever(service.health["bus"], service.bus.run), name="bus"),
            asyncio.create_task(forever(service.health["relay"], service.relay.run), name="relay"),
        ]
        for name, task in (tasks or {}).items():

            async def work(task: Task = task) -> None:
                await task(service)

            running.append(asyncio.create_task(forever(service.health[name], work), name=name))
        try:
            yield
        finally:
            service.stopping.set()
            for task in reversed(running):
                task.cancel()
            # A process that cannot end is worse than one that ends untidily.
            _, late = await asyncio.wait(running, timeout=service.stopping.left(keep=FOR_THE_DATABASE_S))
            for task in late:
                task.cancel()
                log.warning("a background task did not stop in time", extra={"fields": {"task": task.get_name()}})
            try:
                async with asyncio.timeout(service.stopping.left()):
                    await service.db.close()
            except TimeoutError:
                log.warning("the database's connections did not close in time; left behind")
            if service.spans is not None:
                await asyncio.to_thread(service.spans.close, min(FOR_SPANS_S, service.stopping.left()))

    app = Documented(
        title=f"Hadir {settings.service}",
        version="1",
        generate_unique_id_function=operation_id,
        lifespan=lifespan,
        openapi_url=f"{prefix}/openapi.json",
        docs_url=None,
        redoc_url=None,
        # Metrics and traces are ours (shared/telemetry.py): FastAPI need not ask who else wants any, each time.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    http.install(app)
    app.add_middleware(
        Gate,
        metrics=metrics,
        body_limits=body_limits or {},
        callers=Callers([*(f"{prefix}/{door}" for door in MACHINES), *never_refused]),
        read_timeout_s=settings.read_timeout_s,
    )
    for router in (*routers, schema_doors.router(settings), feed_doors.router(settings)):
        app.include_router(router, dependencies=[ONLY_KNOWN])
    app.include_router(_operations(prefix))
    answers = Answers(metrics)
    app.state.direct = {path: Way(short, app.state, answers) for path, short in (direct or {}).items()}
    return app


class Liveness(BaseModel):
    """Whether a restart would help: consumers that do not move though there is work."""

    stuck: list[str]


class Readiness(BaseModel):
    """Why no requests should come now, and the background tasks that fail in any case."""

    not_ready: list[str]
    failing: list[str]


def _operations(prefix: str) -> APIRouter:
    """The doors for machines that look after the service. Keep them inside the house: no token is asked."""
    router = APIRouter(prefix=prefix, include_in_schema=False)

    @router.get("/livez")
    async def livez(request: Request, response: Response) -> Liveness:
        """Touches no dependency; 503 only where a restart would help."""
        alive = Liveness(stuck=service_of(request).bus.stuck())
        response.status_code = 503 if alive.stuck else 200
        return alive

    @router.get("/readyz")
    async def readyz(request: Request, response: Response) -> Readiness:
        """503 where another replica should be asked instead."""
        service = service_of(request)
        ready = Readiness(not_ready=await service.not_ready(), failing=list(service.failing().values()))
        response.status_code = 503 if ready.not_ready else 200
        return ready

    @router.get("/metrics")
    async def metrics(request: Request) -> Response:
        """As OpenMetrics, with a trace as an example of each latency, where that is asked for."""
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(service_of(request).metrics.registry), media_type=media_type)

    return router


def service_of(request: Request) -> Service:
    """FastAPI dependency: the running service."""
    return request.app.state.service


class _Server(uvicorn.Server):
    """Says that the service stops before it waits for open requests: an event stream ends only when told."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        app = self.config.app
        if isinstance(app, FastAPI):
            service: Service = app.state.service
            service.stopping.set()
            self.config.timeout_graceful_shutdown = math.floor(service.stopping.left(keep=FOR_THE_REST_S))
            # Python waits for its threads, and one that plans a roster hears of nothing.
            end = threading.Timer(service.stopping.left() + LAST_RESORT_S, os._exit, [1])
            end.daemon = True
            end.start()
        await super().shutdown(sockets)


def _asked_to_end(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


def run(service: ServiceName, create_app: Callable[[Settings], FastAPI]) -> None:
    """The whole of a service's `__main__`: settings from the environment, one process, one Ctrl-C to stop."""
    try:
        settings = load(service)
    except SettingsError as error:
        raise SystemExit(str(error)) from error
    configure_logging(settings.log_level)
    garbage.tune()
    server = _Server(
        server_config(create_app(settings), protocol=DirectProtocol, host=settings.host, port=settings.port)
    )
    shared = settings.shared_port
    sockets = listeners(settings.host, settings.port, shared) if shared is not None else None
    # uvicorn raises the signal again once it has stopped in good order: who asked is told that all went well.
    signal.signal(signal.SIGTERM, _asked_to_end)
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets)
    if not server.started:
        raise SystemExit(3)
