"""The projector beside what others would take, on the same topic in the same run, each in a fresh process.

It is not the same work. The projector commits facts that are validated, deduplicated and ranked by revision, with
fsync, where any replica can read them. Quix Streams and Kafka Streams count records of each employee and day into
a local RocksDB, backed by a changelog topic; FastStream one by one commits a row for each record.
"""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bench.builds import CHECKOUTS, Build
from bench.harness import ROOT, Phases, console, machine
from bench.projector import EVENTS, TOPIC, fill

QUIX = "3.28.1"
ONE_BY_ONE = 3_000
"""Records of a turn one by one: a hundred thousand would take minutes."""
HERE = Path(__file__).parent


async def _said(*argv: str, env: dict[str, str] | None = None) -> dict[str, Any]:
    """Run a program; returns the JSON object of its last line."""
    process = await asyncio.create_subprocess_exec(
        *argv, cwd=ROOT, env={**os.environ, **(env or {})}, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(argv[:4])} ended with {process.returncode}")
    return json.loads(output.decode().strip().splitlines()[-1])


def quix_python() -> str:
    """The interpreter of an environment with that Quix Streams, made where it is missing."""
    folder = CHECKOUTS / f"quixstreams-{QUIX}"
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if not ready.exists():
        uv = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
        subprocess.run([uv, "venv", "-q", "--clear", "--python", "3.11", str(folder)], check=True)
        wanted = f"quixstreams=={QUIX}"
        subprocess.run([uv, "pip", "install", "-q", "--python", str(python), wanted], check=True)
        ready.touch()
    return str(python)


def kafka_streams_jars() -> str:
    """The class path of the Java program, built where it is missing or older than its source."""
    target = CHECKOUTS / "kafka-streams"
    jar = target / "peer.jar"
    project = HERE / "kafka-streams"
    sources = [path for path in project.rglob("*") if path.is_file()]
    if not jar.exists() or jar.stat().st_mtime < max(path.stat().st_mtime for path in sources):
        if shutil.which("mvn") is None:
            raise SystemExit("Kafka Streams needs Maven and a JDK: apt-get install -y maven default-jdk-headless")
        goals = ["package", "dependency:copy-dependencies", "-DincludeScope=runtime"]
        subprocess.run(["mvn", "-q", "-B", "-f", str(project), f"-Dtarget={target}", *goals], check=True)
    return f"{jar}:{target / 'dependency' / '*'}"


@asynccontextmanager
async def prepared(builds: Sequence[Build]) -> AsyncGenerator[Phases, None]:
    """This build only: peers have no base."""
    this = builds[0]
    quix, jars = await asyncio.to_thread(quix_python), await asyncio.to_thread(kafka_streams_jars)
    async with machine() as here:
        url = await here.database("bench_reporting")
        await this.migrate(url, "reporting")
        console.print(f"  writing {EVENTS:,} events")
        await fill(here.kafka, EVENTS)
        count = str(EVENTS)

        async def ours(kind: str) -> float:
            answer = await this.child("-m", "bench.projector", kind, here.kafka, url, count)
            return float(answer["events_per_s"])

        async def turn() -> dict[str, float]:
            yardstick = await ours("raw")
            projected = await ours("projector")
            script = str(HERE / "quix_count.py")
            changelog = await _said(quix, script, here.kafka, TOPIC, count, "changelog")
            local = await _said(quix, script, here.kafka, TOPIC, count, "local")
            java = ("java", "-cp", jars, "bench.Count", here.kafka, TOPIC, count)
            cached, uncached = await _said(*java, "cached"), await _said(*java, "uncached")
            one = await this.child("-m", "bench.peers.one_by_one", here.kafka, url, TOPIC, str(ONE_BY_ONE))
            streams = max(cached["events_per_s"], uncached["events_per_s"])
            return {
                "peers_raw_events_per_s": yardstick,
                "peers_projector_events_per_s": projected,
                "quix_changelog_events_per_s": changelog["events_per_s"],
                "quix_changelog_uncommitted_events_per_s": changelog["processed_per_s"],
                "quix_local_events_per_s": local["events_per_s"],
                "kafka_streams_cached_events_per_s": cached["events_per_s"],
                "kafka_streams_uncached_events_per_s": uncached["events_per_s"],
                "kafka_streams_start_s": cached["start_s"],
                "one_by_one_events_per_s": one["events_per_s"],
                "projector_vs_quix": projected / changelog["events_per_s"],
                "projector_vs_quix_local": projected / local["events_per_s"],
                "projector_vs_kafka_streams": projected / streams,
                "projector_vs_one_by_one": projected / one["events_per_s"],
            }

        yield {this.name: [turn]}
