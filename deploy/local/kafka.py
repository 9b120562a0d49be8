"""One Apache Kafka broker (KRaft) as a local process, from its own jars."""

import asyncio
import base64
import os
import signal
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError

from deploy.local import tools
from deploy.local.processes import Child, free_port, is_free, run
from deploy.local.server import Server

LOG4J = Path(__file__).with_name("log4j2.xml")
READY_TOPIC = "_hadir-ready"
ANSWERS_WITHIN_S = 10.0

PROPERTIES = """\
process.roles=broker,controller
node.id={node}
{quorum}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
num.partitions=1
# One node: internal topics with one copy and one partition, instead of three and fifty.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
# The default of 128 MiB kills a small heap.
log.cleaner.dedupe.buffer.size=2097152
log.segment.bytes=16777216
# After a kill -9 the old registration must expire before the broker may come back: 2 s instead of 9.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
"""

# Small and quick to start, enough for one city: measured 180-210 MB resident.
JVM = ("-Xms128m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")


@dataclass(slots=True)
class Kafka(Server):
    """The broker."""

    name: str = field(default="kafka", init=False)

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def log_file(self) -> Path:
        return self.state.logs / "kafka" / "server.log"

    async def start(self) -> None:
        """Format if need be, start, and return when a record is acknowledged; raises StartFailed, Missing."""
        java = await asyncio.to_thread(tools.java)
        jars = await asyncio.to_thread(tools.kafka_jars)

        async def on(port: int) -> Child:
            child = self._configure(java, jars, port)
            if not (self.data / "meta.properties").exists():
                await self._format(java, jars)
            return child

        await self.start_child("Kafka", on)

    @property
    def data(self) -> Path:
        return self.state.kafka / "data"

    def settings(self, port: int) -> str:
        """What its server.properties say."""
        controller = free_port()
        quorum = f"controller.quorum.voters=1@127.0.0.1:{controller}"
        return PROPERTIES.format(node=1, quorum=quorum, port=port, controller_port=controller, data=self.data)

    def format_options(self) -> list[str]:
        """What is said when its storage is formatted, once: the id of its cluster, a new one."""
        # As StorageTool random-uuid makes it, without a JVM; it may not begin with a dash.
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        return ["-t", cluster.replace("-", "A").replace("_", "B")]

    def _configure(self, java: str, jars: Path, port: int) -> Child:
        properties = self.state.kafka / "server.properties"
        properties.write_text(self.settings(port))
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        logging = [f"-Dkafka.logs.dir={self.log_file.parent}", f"-Dlog4j2.configurationFile={LOG4J}"]
        return Child(
            name=self.name,
            argv=[java, *JVM, *logging, "-cp", f"{jars}/*", "kafka.Kafka", str(properties)],
            log=self.state.logs / "kafka.out",
            own_log=self.log_file,
            pid_file=self.state.pids / "kafka.json",
            cwd=self.state.kafka,
            env={k: v for k, v in os.environ.items() if k not in {"JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS"}},
            stop_signal=signal.SIGTERM,
        )

    async def _format(self, java: str, jars: Path) -> None:
        properties = str(self.state.kafka / "server.properties")
        command = [java, "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*", "kafka.tools.StorageTool"]
        await run(
            [*command, "format", "-c", properties, *self.format_options()],
            "Kafka's storage could not be formatted",
        )

    async def answers(self) -> bool:
        """Whether the cluster answers and acknowledges a record: an open port alone promises nothing."""
        if is_free(self.port):  # aiokafka logs an error for every refused connection
            return False
        asking = asyncio.ensure_future(_acknowledges(self.bootstrap))
        # Not a timeout around it: a client that is cancelled may wait for ever until what it holds is sent.
        await asyncio.wait({asking}, timeout=ANSWERS_WITHIN_S)
        if not asking.done():
            asking.cancel()
            asking.add_done_callback(_look_at)
            return False
        with suppress(KafkaError, OSError, TimeoutError):
            asking.result()
            return True
        return False


def _look_at(asked: "asyncio.Future[None]") -> None:
    """Nobody waits any more for what it comes to."""
    if not asked.cancelled():
        asked.exception()


async def _acknowledges(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        topic = NewTopic(READY_TOPIC, 1, 1, topic_configs={"retention.ms": "60000"})
        with suppress(TopicAlreadyExistsError):
            await admin.create_topics([topic])
        # Makes the offsets topic, so that the first consumer group finds its coordinator at once.
        await admin.find_coordinator("hadir.ready")
    finally:
        await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    try:
        await producer.send_and_wait(READY_TOPIC, b"ready")
    finally:
        await producer.stop()
