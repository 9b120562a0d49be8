"""The system as `hadir up --processes` runs it, with proxies before its servers and disks that can be full."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import asyncpg
import psutil

from deploy.local.hosted import ServiceProcess
from deploy.local.kafka import Kafka
from deploy.local.postgres import ADMIN, SETTINGS, Postgres
from deploy.local.processes import Child
from deploy.local.state import State
from deploy.local.system import Options, Part, System
from shared.clock import AnchoredClock, write_anchor
from shared.events.base import ServiceName
from tests.nemesis.proxy import Proxy, proxying

DISK_BYTES = 900 * 1024 * 1024
WORKERS = 2
START_S = 240.0


class ProxiedKafka(Kafka):
    """A broker that sends its clients to a proxy, and that does not start while it is held."""

    def __init__(self, state: State, proxy: Proxy) -> None:
        Kafka.__init__(self, state)
        self.proxy = proxy
        self.may_run = asyncio.Event()
        self.may_run.set()

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.proxy.port}"

    async def start(self) -> None:
        await self.may_run.wait()
        await Kafka.start(self)

    def _configure(self, java: str, jars: Path, port: int) -> Child:
        child = Kafka._configure(self, java, jars, port)
        self.proxy.target = port
        properties = self.state.kafka / "server.properties"
        told = f"advertised.listeners=PLAINTEXT://127.0.0.1:{port}"
        text = properties.read_text()
        assert told in text, "the broker's properties are written otherwise now"
        properties.write_text(text.replace(told, f"advertised.listeners=PLAINTEXT://{self.bootstrap}"))
        return child


class ProxiedPostgres(Postgres):
    """A server whose URL is a proxy's, and that does not start while it is held."""

    def __init__(self, state: State, proxy: Proxy) -> None:
        Postgres.__init__(self, state, settings={**SETTINGS, "max_wal_size": "256MB", "shared_buffers": "128MB"})
        self.proxy = proxy
        self.may_run = asyncio.Event()
        self.may_run.set()

    @property
    def url(self) -> str:
        return f"postgresql://{ADMIN}:{quote(self.state.password(ADMIN))}@127.0.0.1:{self.proxy.port}/postgres"

    def direct(self, database: str = "postgres") -> str:
        """The administrator's URL of a database, past the proxy."""
        return f"postgresql://{ADMIN}:{quote(self.state.password(ADMIN))}@127.0.0.1:{self.port}/{database}"

    async def start(self) -> None:
        await self.may_run.wait()
        self.proxy.target = self.port or self.state.ports().get(self.name, 0)
        await Postgres.start(self)
        self.proxy.target = self.port

    async def answers(self) -> bool:
        with suppress(OSError, asyncpg.PostgresError, TimeoutError):
            connection: asyncpg.Connection = await asyncpg.connect(self.direct(), timeout=5)
            await connection.close()
            self.proxy.target = self.port
            return True
        return False


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system in memory for one server; it is full when it is made no larger than what it holds."""

    at: Path

    def mount(self) -> None:
        self.at.mkdir(parents=True, exist_ok=True)
        _mount("-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0711", "tmpfs", str(self.at))

    def fill(self) -> None:
        held = os.statvfs(self.at)
        used = (held.f_blocks - held.f_bfree) * held.f_frsize
        _mount("-o", f"remount,size={used}", str(self.at))

    def free(self) -> None:
        _mount("-o", f"remount,size={DISK_BYTES}", str(self.at))

    def unmount(self) -> None:
        subprocess.run(["umount", "-l", str(self.at)], check=False, capture_output=True)


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True, capture_output=True)


class Rig(System):
    """One running system and the ways to hurt it. Made by `running`."""

    kafka: ProxiedKafka
    postgres: ProxiedPostgres

    def __init__(self, state: State, to_kafka: Proxy, to_postgres: Proxy, disks: dict[str, Disk]) -> None:
        super().__init__(state, Options(processes=True, workers=WORKERS))
        self.kafka = ProxiedKafka(state, to_kafka)
        self.postgres = ProxiedPostgres(state, to_postgres)
        self.parts = [self.kafka, self.postgres]
        self.disks = disks
        """By the name of the server; empty where we may not mount."""
        self.clock_file = state.root / "clock.json"
        self.speed = 1.0

    def part(self, name: str) -> Part:
        return next(part for part in self.parts if part.name == name)

    def server(self, name: str) -> ProxiedKafka | ProxiedPostgres:
        return self.kafka if name == "kafka" else self.postgres

    def processes(self, name: str) -> list[psutil.Process]:
        """The processes of a part that run now: a server's sessions are processes of their own."""
        pid = self.part(name).pid
        with suppress(psutil.NoSuchProcess):
            if pid is not None:
                first = psutil.Process(pid)
                return [first, *first.children(recursive=True)]
        return []

    def signal(self, name: str, number: signal.Signals) -> None:
        """To all processes of a part; to its first alone what it is to answer to."""
        chosen = self.processes(name)
        for process in chosen if number in (signal.SIGSTOP, signal.SIGCONT) else chosen[:1]:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    @property
    def attendance(self) -> str:
        """The address that all processes of attendance share, without the front."""
        part = self.part("attendance")
        assert isinstance(part, ServiceProcess)
        return f"http://127.0.0.1:{part.shared_port or part.port}"

    def business(self) -> datetime:
        return AnchoredClock(self.clock_file).now()

    def set_clock(self, at: datetime, speed: float | None = None) -> None:
        self.speed = self.speed if speed is None else speed
        write_anchor(self.clock_file, business=at, wall=time.time(), speed=self.speed)

    def jump(self, by: timedelta) -> None:
        self.set_clock(self.business() + by)

    def stop(self) -> None:
        """As a Ctrl-C does."""
        self._asked_to_stop()

    async def connect(self, database: ServiceName | str = "postgres") -> asyncpg.Connection:
        """A session of the administrator, past the proxy."""
        return await asyncpg.connect(self.postgres.direct(database), timeout=10)


@asynccontextmanager
async def running(state: State, at: datetime, speed: float, *, disks: bool) -> AsyncGenerator[Rig]:
    """The system, its business clock at an instant; stopped with the block, and nothing of it left mounted."""
    async with AsyncExitStack() as stack:
        to_kafka = await stack.enter_async_context(proxying(0))
        to_postgres = await stack.enter_async_context(proxying(0))
        state.create()
        own: dict[str, Disk] = {}
        for name in ("kafka", "postgres") if disks else ():
            disk = Disk(state.root / name)
            try:
                disk.mount()
            except (OSError, subprocess.CalledProcessError):
                break  # not root, or a container that may not: the run says that its disks are never full
            own[name] = disk
            stack.callback(disk.unmount)
        rig = Rig(state, to_kafka, to_postgres, own)
        rig.set_clock(at, speed)
        up = asyncio.create_task(rig.run())
        try:
            async with asyncio.timeout(START_S):
                while not state.system_file.exists():
                    if up.done():
                        up.result()
                        raise RuntimeError("the system ended while starting")
                    await asyncio.sleep(0.1)
            yield rig
        finally:
            to_kafka.behave("well")
            to_postgres.behave("well")
            for server in (rig.kafka, rig.postgres):
                server.may_run.set()
            rig.stop()
            await up
