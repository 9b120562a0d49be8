"""A real Prometheus beside a running system, with the rules that are shipped; and what it answers."""

import math
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from deploy.local.processes import free_port
from shared.events.base import SERVICES
from tests.debian import debian_tool

RULES = Path(__file__).parents[2] / "deploy" / "prometheus"
EVERY = "1s"
PATIENCE_S = 120


@dataclass(frozen=True)
class Prometheus:
    url: str
    since_s: float

    def ask(self, path: str, **params: str | float) -> Any:
        """The `data` of an answer of its HTTP API; AssertionError with its words for an error."""
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=params, timeout=60, trust_env=False)
        assert answer.status_code == 200, f"{params}: {answer.text}"
        return answer.json()["data"]

    def values(self, expression: str) -> int:
        """How many numbers the expression has given since it was started; what is not a number is none."""
        return sum(math.isfinite(float(value)) for one in self._range(expression) for _, value in one["values"])

    def series(self, expression: str) -> list[dict[str, str]]:
        """The labels of each series that the expression has given since it was started."""
        return [one["metric"] for one in self._range(expression)]

    def _range(self, expression: str) -> list[dict[str, Any]]:
        found = self.ask("query_range", query=expression, start=self.since_s, end=time.time(), step=1)
        return found["result"]


@contextmanager
def prometheus(http: str, folder: Path) -> Generator[Prometheus]:
    """Scrapes the four services behind `http` every second; gone afterwards."""
    address = http.removeprefix("http://")
    config = {
        "global": {"scrape_interval": EVERY, "evaluation_interval": EVERY},
        "rule_files": [str(RULES / "alerts.yml"), str(RULES / "slo.yml")],
        "scrape_configs": [
            {
                "job_name": name,
                "metrics_path": f"/{name}/metrics",
                "static_configs": [{"targets": [address], "labels": {"service": name}}],
            }
            for name in SERVICES
        ],
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen(
            [
                debian_tool("prometheus", "usr/bin/prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--enable-feature=exemplar-storage",
                "--log.level=warn",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        url, until_s = f"http://127.0.0.1:{port}", time.monotonic() + PATIENCE_S
        while not _ready(url):
            assert process.poll() is None, (folder / "prometheus.log").read_text()[-2000:]
            assert time.monotonic() < until_s, "Prometheus does not get ready"
            time.sleep(0.05)
        yield Prometheus(url, time.time())
    finally:
        process.terminate()
        process.wait(30)


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", timeout=5, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
