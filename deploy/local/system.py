"""The whole of Hadir on this machine: servers, services and one port; supervised, and gone at one Ctrl-C."""

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from deploy.local.front import Front, Proxy, proxy_client, running
from deploy.local.hosted import ServiceProcess, ensure_key, prepare_databases, service_environment, until_ready
from deploy.local.kafka import Kafka
from deploy.local.postgres import GivenPostgres, Postgres
from deploy.local.processes import StartFailed, end_leftovers, free_port, is_free
from deploy.local.state import Running, State, Unusable, say
from deploy.local.topics import create_topics
from shared import garbage
from shared.clock import Clock, clock_for
from shared.direct import DirectProtocol
from shared.events.base import SERVICES, ServiceName
from shared.server import config as server_config
from shared.settings import Settings, SettingsError, load
from shared.telemetry import configure_logging

LONG_ENOUGH = 30.0
"""Seconds after which a part that ended again is taken to have been well before."""


class Stopped(Exception):
    """Somebody asked us to stop while we were starting."""


class Part(Protocol):
    """Something that runs beside us and must keep running."""

    @property
    def name(self) -> str: ...
    @property
    def pid(self) -> int | None: ...
    async def start(self) -> None: ...
    async def wait(self) -> int: ...
    async def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller of `hadir up` chose; a port of 0 is chosen free."""

    host: str = "127.0.0.1"
    port: int = 0
    kafka_port: int = 0
    postgres_port: int = 0
    processes: bool = False
    workers: int = 1
    """Processes of attendance, which takes in the check-ins of a whole city."""

    json: bool = False


async def supervise(part: Part, restarted: Callable[[], None]) -> None:
    """Start a part again whenever it ends, for ever; quickly at first, then every 5 seconds."""
    failures = 0
    while True:
        began = time.monotonic()
        code = await part.wait()
        failures = 0 if time.monotonic() - began > LONG_ENOUGH else failures + 1
        say(f"{part.name} ended ({code}): starting it again")
        await asyncio.sleep(min(0.2 * 2**failures, 5.0) if failures > 1 else 0)
        try:
            await part.start()
        except (StartFailed, OSError) as error:
            say(f"{part.name} does not start: {error}")
        else:
            say(f"{part.name} runs again")
            restarted()


def _factories() -> dict[ServiceName, Callable[[Settings, Clock], FastAPI]]:
    return {name: import_module(f"services.{name}.app").create_app for name in SERVICES}


class _Server(uvicorn.Server):
    """uvicorn without signal handling of its own: it would end the process before the rest is stopped."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


class System:
    """One run of `hadir up`."""

    def __init__(self, state: State, options: Options) -> None:
        self.state = state
        self.options = options
        self.kafka = Kafka(state, options.kafka_port)
        given = os.environ.get("HADIR_POSTGRES_URL")
        self.postgres = GivenPostgres(given) if given else Postgres(state, options.postgres_port)
        self.parts: list[Part] = [self.kafka, self.postgres]
        self.http = ""
        self._ready = False
        self._stop = asyncio.Event()
        self._server: uvicorn.Server | None = None
        self._on_stop: list[Callable[[], None]] = []

    async def run(self) -> None:
        """Start everything, say so, run until SIGINT or SIGTERM, stop everything.

        Raises StartFailed, Missing, AlreadyRunning, TopicsFailed and SettingsError; nothing is left running.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # `nohup hadir up` asked for its terminal to be outlived.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                loop.add_signal_handler(number, self._asked_to_stop)
        self.state.create()
        with self.state.lock(), suppress(Stopped):
            if self.state.restoring.exists():
                raise Unusable(
                    f"{self.state.root} is half restored: `hadir erase`, then `hadir restore` once more"
                )
            self.state.withdraw()
            for name in await end_leftovers(self.state.pids):
                say(f"ended {name}, left by a run that was killed")
            async with AsyncExitStack() as stack:
                await self._run(stack)

    async def _run(self, stack: AsyncExitStack) -> None:
        self._check_ports()
        clock_for(self.state.root, None).now()  # a damaged clock.json is said before anything starts
        listener = stack.enter_context(self._listen())
        if isinstance(self.postgres, GivenPostgres):
            await self._unless_stopped(self.postgres.start())
        say(f"starting Kafka and PostgreSQL in {self.state.root}")
        stack.push_async_callback(self._stop_parts)
        start: list[Awaitable[object]] = [self.kafka.start(), self.postgres.start()]
        if not self.options.processes:
            start.append(asyncio.to_thread(_factories))  # imports take as long as the servers: side by side
        await self._unless_stopped(_together(*start))
        ensure_key(self.state)
        clock = clock_for(self.state.root, os.environ.get("HADIR_CLOCK"))
        await self._unless_stopped(
            _together(
                create_topics(self.kafka.bootstrap, tell=say), prepare_databases(self.state, self.postgres.url)
            )
        )
        environment = service_environment(self.state, self.kafka.bootstrap, self.postgres.url, self.http)
        configure_logging(environment.get("HADIR_LOG_LEVEL", "INFO"))
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # it tells of its start and end; we do too
        watch = stack.enter_context(self._supervised())
        watch()
        if self.options.processes:
            apps = await self._processes(stack, environment)
        else:
            apps = await self._in_this_process(stack, environment, clock)
        watch()
        await self._serve(Front(apps), listener)

    async def _in_this_process(
        self, stack: AsyncExitStack, environment: Mapping[str, str], clock: Clock
    ) -> Mapping[str, ASGIApp]:
        apps: dict[str, FastAPI] = {}
        for name, create_app in _factories().items():
            apps[name] = create_app(load(name, environment), clock)
        garbage.tune()
        await stack.enter_async_context(running(apps))
        # Event streams end by themselves when their service says that it is stopping.
        self._on_stop += [app.state.service.stopping.set for app in apps.values()]
        return apps

    async def _processes(self, stack: AsyncExitStack, environment: Mapping[str, str]) -> Mapping[str, ASGIApp]:
        client = await stack.enter_async_context(proxy_client())
        started = [ServiceProcess(name, self.state, environment) for name in SERVICES]
        if self.options.workers > 1:
            shared = self._shared_port()
            started += [
                ServiceProcess("attendance", self.state, environment, number)
                for number in range(2, self.options.workers + 1)
            ]
            for process in started:
                process.shared_port = shared if process.service == "attendance" else None
            say(f"attendance: {self.options.workers} processes, each of them at http://127.0.0.1:{shared}")
        self.parts += started
        await self._unless_stopped(_together(*(process.start() for process in started)))
        # Where several share a port the kernel asks one that is alive.
        return {p.service: Proxy(client, lambda p=p: ("127.0.0.1", p.shared_port or p.port)) for p in started}

    def _shared_port(self) -> int:
        """The port of all processes of attendance: the last run's where it is free."""
        known = self.state.ports().get("attendance", 0)
        port = known if known and is_free(known) else free_port()
        self.state.remember_port("attendance", port)
        return port

    def _check_ports(self) -> None:
        """Refuse a chosen port that somebody has before a server takes seconds to find that out."""
        chosen = {
            "--port": self.options.port,
            "--kafka-port": self.options.kafka_port,
            "--postgres-port": self.options.postgres_port,
        }
        for option, port in chosen.items():
            if port and list(chosen.values()).count(port) > 1:
                raise StartFailed(f"port {port} was chosen twice: choose another with {option}")
            if port and option != "--port" and not is_free(port):
                raise StartFailed(f"port {port}: address already in use; choose another with {option}")

    @contextmanager
    def _listen(self) -> Generator[socket.socket]:
        """Take the port before anything is started for it: chosen, else the last run's, else a free one."""
        known = self.state.ports().get("http", 0)
        wanted = self.options.port or (known if known and is_free(known) else 0)
        family = socket.AF_INET6 if ":" in self.options.host else socket.AF_INET
        with socket.socket(family) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((self.options.host, wanted))
            except OSError as error:
                at = f"port {wanted}" if wanted else f"address {self.options.host}"
                raise StartFailed(f"{at}: {error}; choose another with --port or --host") from error
            port = listener.getsockname()[1]
            self.state.remember_port("http", port)
            host = "127.0.0.1" if self.options.host in ("0.0.0.0", "::") else self.options.host  # noqa: S104
            self.http = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
            yield listener

    async def _serve(self, app: Front, listener: socket.socket) -> None:
        config = server_config(
            app,
            protocol=DirectProtocol,
            lifespan="off",
            timeout_graceful_shutdown=5,
            server_header=False,
            proxy_headers=False,  # this is the edge: nobody before us may say who the client is
        )
        self._server = _Server(config)
        serving = asyncio.ensure_future(self._server.serve(sockets=[listener]))
        try:
            await self._unless_stopped(until_ready(self.http, list(SERVICES)))
            self._ready = True
            self._announce()
            stop = asyncio.ensure_future(self._stop.wait())
            await asyncio.wait((serving, stop), return_when=asyncio.FIRST_COMPLETED)
            stop.cancel()
        finally:
            self._ready = False
            self.state.withdraw()
            self._server.should_exit = True
            await serving

    def _announce(self) -> None:
        self._publish()
        if self.options.json:
            line = {"http": self.http, "kafka": self.kafka.bootstrap, "postgres": self.postgres.url}
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
        say(f"ready: {self.http}/ (Kafka {self.kafka.bootstrap}, state in {self.state.root}); Ctrl-C stops it")

    def _publish(self) -> None:
        if not self._ready:
            return
        pids = {part.name: part.pid for part in self.parts if part.pid is not None}
        self.state.publish(Running(self.http, self.kafka.bootstrap, self.postgres.url, pids))

    @contextmanager
    def _supervised(self) -> Generator[Callable[[], None]]:
        """Yield a function that starts the supervision of all parts there are; it ends with the block."""
        tasks: list[asyncio.Task[None]] = []

        def watch() -> None:
            watched = {task.get_name() for task in tasks}
            tasks.extend(
                asyncio.create_task(supervise(part, self._publish), name=part.name)
                for part in self.parts
                if part.name not in watched
            )

        try:
            yield watch
        finally:
            for task in tasks:
                task.cancel()

    async def _stop_parts(self) -> None:
        """Services first, while what they need is still there."""
        say("stopping")
        servers: list[Part] = [self.kafka, self.postgres]
        await asyncio.gather(*(part.stop() for part in self.parts if part not in servers))
        await asyncio.gather(*(part.stop() for part in servers))
        say("stopped; everything is kept for the next start")

    def _asked_to_stop(self) -> None:
        if self._stop.is_set() and self._server is not None:
            self._server.force_exit = True  # asked twice: open requests are not waited for
        self._stop.set()
        for tell in self._on_stop:
            tell()

    async def _unless_stopped(self, work: Awaitable[object]) -> None:
        """Wait for a step of the start; raises Stopped when asked to stop meanwhile."""
        step = asyncio.ensure_future(work)
        stop = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait((step, stop), return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not step.done():
            step.cancel()
            with suppress(asyncio.CancelledError):
                await step
            raise Stopped
        step.result()


async def _together(*work: Awaitable[object]) -> None:
    """Wait for all; when one fails the others are ended before its error is raised, so that none goes on alone."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def check_environment(environ: Mapping[str, str]) -> None:
    """Refuse settings with which no service would start, before anything starts; raises SettingsError."""
    ours = {
        "HADIR_KAFKA_BOOTSTRAP": "127.0.0.1:9092",
        "HADIR_TOKEN_PUBLIC_KEY_FILE": "made-later",
        **{f"HADIR_{name.upper()}_DATABASE_URL": "postgresql://made-later" for name in SERVICES},
    }
    # The ports of `hadir up` and of a service have one name, and are checked as an option.
    rest = {k: v for k, v in environ.items() if not k.startswith("HADIR_KAFKA_") and k != "HADIR_PORT"}
    for name in SERVICES:
        load(name, {**rest, **ours})
    given = environ.get("HADIR_POSTGRES_URL")
    if given and not given.startswith(("postgres://", "postgresql://")):
        raise SettingsError("HADIR_POSTGRES_URL: write it as postgresql://USER:PASSWORD@HOST:PORT/postgres")


def run_forever(state: State, options: Options) -> None:
    """Blocks until stopped. The loop is uvloop's: what is measured is what is run."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # refused connections while the broker starts
    import uvloop

    uvloop.run(System(state, options).run())
