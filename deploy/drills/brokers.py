"""One broker becomes three while records flow, then one is killed, then two: `python -m deploy.drills.brokers`.

The road of docs/deploy.md#three-brokers, by Kafka's own tools; it ends at the first thing that is not as that page
says.
"""

import asyncio
import json
import logging
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient

from deploy.drills.load import Reader, Writer, judge, running, whole
from deploy.drills.nodes import DrillFailed, Node, bootstrap, kafka, until
from deploy.local.state import say
from deploy.local.topics import create_topics

TOPIC = "attendance.recorded.v1"
COPIES, IN_SYNC = 3, 2
MORE = 200
"""So many records more have to be acknowledged after each step that they are to outlive."""

FEATURES = "org.apache.kafka.tools.FeatureCommand"
QUORUM = "org.apache.kafka.tools.MetadataQuorumCommand"
REASSIGN = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand"


@dataclass
class Report:
    """Seconds from each step's beginning until records were acknowledged again, and what became of all."""

    waited_s: dict[str, float] = field(default_factory=dict[str, float])
    acknowledged: int = 0
    refused: int = 0
    """Records without an acknowledgement; some of them may be in the log all the same."""

    failures_with_one_broker: list[str] = field(default_factory=list[str])
    read_twice: int = 0

    def text(self) -> str:
        steps = "".join(f"\n  {step}: {seconds:.1f} s" for step, seconds in self.waited_s.items())
        alone = ", ".join(sorted(set(self.failures_with_one_broker)))
        return (
            f"{self.acknowledged:,} records acknowledged, each of them in the log once and read by the group "
            f"({self.read_twice} more than once); {self.refused} not acknowledged; none while two brokers "
            f"were away ({alone}). Until {MORE} were acknowledged after{steps}"
        )


async def drill(root: Path) -> Report:
    """In an empty folder; nothing is left running."""
    report = Report()
    cluster: list[Node] = []
    first = Node(root, cluster)
    async with AsyncExitStack() as stack:
        say("one broker, with data and with a writer and a reader that go on through all that follows")
        await _start(stack, first)
        await create_topics(first.bootstrap)
        writer = Writer(lambda: bootstrap(cluster), TOPIC)
        reader = Reader(lambda: bootstrap(cluster), TOPIC)
        await stack.enter_async_context(running(writer, reader))
        await _goes_on(report, writer, "its start")
        await _joined(stack, first, root, cluster)
        await _goes_on(report, writer, "three voters")
        await _reassigned(root, cluster)
        await create_topics(bootstrap(cluster), replication=COPIES, min_insync=IN_SYNC, tell=say)
        await _goes_on(report, writer, "three copies")
        await _killed(report, cluster, writer)
        await _judged(report, cluster, writer, reader)
    return report


async def _start(stack: AsyncExitStack, node: Node) -> None:
    stack.push_async_callback(node.stop)
    await node.start()


async def _goes_on(report: Report, writer: Writer, after: str) -> None:
    """Returns when MORE records were acknowledged that were begun after now."""
    began, from_here = time.monotonic(), writer.begun

    async def acknowledged() -> bool:
        return sum(number > from_here for number in writer.acknowledged[-2 * MORE :]) >= MORE

    await until(f"{MORE} records acknowledged after {after}", acknowledged)
    report.waited_s[after] = time.monotonic() - began
    say(f"after {after}: {MORE} records more were acknowledged within {report.waited_s[after]:.1f} s")


async def _joined(stack: AsyncExitStack, first: Node, root: Path, cluster: list[Node]) -> None:
    """Steps 1 to 3 of the page: two brokers more, which vote."""
    at = ["--bootstrap-server", first.bootstrap]
    await kafka(FEATURES, *at, "upgrade", "--feature", "kraft.version=1")
    for _ in range(COPIES - 1):
        node = Node(root, cluster)
        await _start(stack, node)
        say(f"broker {node.number} runs")

        async def added(node: Node = node) -> bool:
            try:
                await kafka(QUORUM, *at, "--command-config", str(node.properties), "add-controller")
            except DrillFailed as error:
                say(str(error).splitlines()[-1])
                return False
            return True

        await until(f"broker {node.number} votes", added, pause_s=1)
    voters = await kafka(QUORUM, *at, "describe", "--status")
    say(next(line for line in voters.splitlines() if line.startswith("CurrentVoters")))


async def _reassigned(root: Path, cluster: list[Node]) -> None:
    """Step 4: three copies of each partition of each topic, Kafka's own among them; the leaders are spread."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap(cluster))
    await admin.start()
    try:
        topics: list[dict[str, Any]] = await admin.describe_topics(await admin.list_topics())
    finally:
        await admin.close()
    numbers = [node.number for node in cluster]
    wanted = [
        {"topic": topic["topic"], "partition": part["partition"], "replicas": numbers[turn:] + numbers[:turn]}
        for topic in topics
        for part in topic["partitions"]
        for turn in [part["partition"] % len(numbers)]
    ]
    plan = root / "reassignment.json"
    plan.write_text(json.dumps({"version": 1, "partitions": wanted}))
    words = "--bootstrap-server", bootstrap(cluster), "--reassignment-json-file", str(plan)
    say(f"three copies of {len(wanted)} partitions of {len(topics)} topics")
    await kafka(REASSIGN, *words, "--execute")

    async def complete() -> bool:
        said = await kafka(REASSIGN, *words, "--verify")
        return said.count("is completed.") == len(wanted)

    await until("three copies of every partition", complete, pause_s=1)


async def _killed(report: Report, cluster: list[Node], writer: Writer) -> None:
    """One is away and nothing is noticed but a pause; two are away and nothing is acknowledged; they come back."""
    first, second, _ = cluster
    await first.kill()
    await _goes_on(report, writer, "the first broker was killed")
    await second.kill()
    last, failures = writer.begun, len(writer.failures)

    async def refused() -> bool:
        return len(writer.failures) >= failures + 3

    await until("records refused by one broker of three", refused)
    if broken := [number for number in writer.acknowledged if number > last]:
        raise DrillFailed(f"acknowledged by one broker of three, though two have to: {broken[:10]}")
    report.failures_with_one_broker = writer.failures[failures:]
    say(f"with one broker of three nothing is acknowledged: {', '.join(report.failures_with_one_broker)}")
    await asyncio.gather(first.start(), second.start())
    await _goes_on(report, writer, "both came back")


async def _judged(report: Report, cluster: list[Node], writer: Writer, reader: Reader) -> None:
    acknowledged = list(writer.acknowledged)

    async def read() -> bool:
        return all(reader.read[number] for number in acknowledged)

    await until("the group has read every acknowledged record", read)
    judge(acknowledged, await whole(bootstrap(cluster), TOPIC), reader.read)
    report.acknowledged, report.refused = len(acknowledged), writer.begun - len(acknowledged)
    report.read_twice = sum(times > 1 for times in reader.read.values())


def main() -> None:
    for name in ("aiokafka", "asyncio"):  # every refused connection; tasks of producers that were let go
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="hadir-drill-", ignore_cleanup_errors=True) as folder:
        try:
            report = asyncio.run(drill(Path(folder)))
        except DrillFailed as failure:
            raise SystemExit(f"the drill has failed: {failure}") from failure
    sys.stdout.write(report.text() + "\n")


if __name__ == "__main__":
    main()
