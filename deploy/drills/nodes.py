"""Brokers of one cluster as local processes, each a controller too, and Kafka's own tools to change it with."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

from deploy.local import tools
from deploy.local.kafka import PROPERTIES, Kafka
from deploy.local.processes import free_port
from deploy.local.state import State

POM = Path(__file__).with_name("pom.xml")
PATIENCE_S = 120.0


class DrillFailed(Exception):
    """What the drill is to show did not come about."""


class Node(Kafka):
    """One of the brokers. The first is alone, with a quorum that its settings name, until others join it.

    `cluster` is the list of all of them, which grows.
    """

    def __init__(self, root: Path, cluster: list["Node"]) -> None:
        self.number = len(cluster) + 1
        self.controller = free_port()
        self.cluster = cluster
        state = State(root / f"broker-{self.number}")
        state.create()
        Kafka.__init__(self, state)
        cluster.append(self)

    @property
    def properties(self) -> Path:
        return self.state.kafka / "server.properties"

    def settings(self, port: int) -> str:
        controllers = [f"127.0.0.1:{node.controller}" for node in self.cluster]
        if len(self.cluster) == 1:
            quorum = f"controller.quorum.voters=1@{controllers[0]}"
        else:
            quorum = f"controller.quorum.bootstrap.servers={','.join(controllers)}"
        return PROPERTIES.format(
            node=self.number, quorum=quorum, port=port, controller_port=self.controller, data=self.data
        )

    def format_options(self) -> list[str]:
        if self.number == 1:
            return super().format_options()
        lines = (self.cluster[0].data / "meta.properties").read_text().splitlines()
        cluster = dict(line.split("=", 1) for line in lines if "=" in line)["cluster.id"]
        return ["-t", cluster, "--no-initial-controllers"]

    async def kill(self) -> None:
        """kill -9; returns when it is dead."""
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)
            await self.wait()


def bootstrap(cluster: list[Node]) -> str:
    """What HADIR_KAFKA_BOOTSTRAP of everybody would be."""
    return ",".join(node.bootstrap for node in cluster)


async def kafka(tool: str, *words: str) -> str:
    """Run one of Kafka's tools by its class; returns what it said. Raises DrillFailed with that if it fails."""
    java = await asyncio.to_thread(tools.java)
    jars = await asyncio.to_thread(tools.kafka_jars)
    name, what = f"kafka-tools-{tools.KAFKA_VERSION}", f"Kafka's tools {tools.KAFKA_VERSION} with Maven (once)"
    own = await asyncio.to_thread(tools.jars, POM, name, what)
    process = await asyncio.create_subprocess_exec(
        *(java, "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", f"{own}/*:{jars}/*", tool, *words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await process.communicate())[0].decode(errors="replace")
    if process.returncode != 0:
        raise DrillFailed(f"{tool.rpartition('.')[2]} {' '.join(words)}:\n{said.strip()}")
    return said


async def until(what: str, holds: Callable[[], Awaitable[bool]], pause_s: float = 0.1) -> None:
    """Returns when it holds; raises DrillFailed after PATIENCE_S."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await holds():  # noqa: ASYNC110 - other processes set no Event
                await asyncio.sleep(pause_s)
    except TimeoutError:
        raise DrillFailed(f"after {PATIENCE_S:.0f} s not: {what}") from None
