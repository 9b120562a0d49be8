"""Tests get their servers from an address, else a Docker engine that answers, else local processes."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer

import pytest

from tests.kit.backing import KAFKA_ADDRESS, choose, docker_answers


class FakeEngine(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/_ping" else 404)
        self.end_headers()
        self.wfile.write(b"OK")

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


class BrokenEngine(FakeEngine):
    status = 500


class Engine(ThreadingUnixStreamServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Quiet: the one who asks leaves as soon as it knows enough."""


@pytest.fixture
def engine(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    socket = tmp_path / "docker.sock"
    with Engine(str(socket), getattr(request, "param", FakeEngine)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield {"DOCKER_HOST": f"unix://{socket}"}
        server.shutdown()
        thread.join()


def never() -> bool:
    raise AssertionError("the engine was asked although an address is given")


def test_an_address_wins_and_the_engine_is_not_even_asked() -> None:
    assert choose(KAFKA_ADDRESS, {KAFKA_ADDRESS: "broker:9092"}, never) == "address"


def test_an_empty_address_is_no_address() -> None:
    assert choose(KAFKA_ADDRESS, {KAFKA_ADDRESS: ""}, lambda: False) == "embedded"


def test_containers_are_used_when_an_engine_answers(engine: dict[str, str]) -> None:
    assert choose(KAFKA_ADDRESS, engine, lambda: docker_answers(engine)) == "containers"


@pytest.mark.parametrize("engine", [BrokenEngine], indirect=True)
def test_an_engine_that_answers_with_an_error_is_not_used(engine: dict[str, str]) -> None:
    assert choose(KAFKA_ADDRESS, engine, lambda: docker_answers(engine)) == "embedded"


def test_without_an_engine_local_processes_are_used(tmp_path: Path) -> None:
    nobody = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    assert choose(KAFKA_ADDRESS, nobody, lambda: docker_answers(nobody)) == "embedded"


def test_an_engine_over_tcp_that_refuses_is_none() -> None:
    nobody = {"DOCKER_HOST": "tcp://127.0.0.1:1"}
    assert choose(KAFKA_ADDRESS, nobody, lambda: docker_answers(nobody)) == "embedded"
