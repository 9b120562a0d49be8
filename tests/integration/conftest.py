"""What every test on real servers takes for granted."""

import logging
import math
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from deploy import cli
from services.reporting.tasks import transitions
from tests.kit.secured import Secured, secured_system

Says = Callable[..., tuple[int, str]]


@pytest.fixture(scope="session", autouse=True)
def a_round_of_the_ticker_takes_its_time() -> Iterator[None]:
    """All that is due is announced in one round, however busy the machine is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transitions, "BUDGET_S", math.inf)
        yield


OFTEN = {"log.cleaner.backoff.ms": "200"}
"""The cleaner looks for something to compact five times a second, not four times a minute."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def secured(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Secured]:
    """A broker with users and access lists, as docker-compose.yml configures it."""
    async with secured_system(tmp_path_factory.mktemp("secured"), OFTEN) as system:
        yield system


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Says:
    """`says("up", HADIR_CLOCK="x")`: exit code and standard error of one command."""
    for name in [name for name in os.environ if name.startswith("HADIR_") and name != "HADIR_CACHE_DIR"]:
        monkeypatch.delenv(name)

    def run(*arguments: str, **variables: str) -> tuple[int, str]:
        with monkeypatch.context() as patched:
            patched.setenv("HADIR_STATE_DIR", str(tmp_path / "state"))
            for name, value in variables.items():
                patched.setenv(name, value)
            patched.setattr(sys, "argv", ["hadir", *arguments])
            before, level = signal.getsignal(signal.SIGINT), logging.getLogger("aiokafka").level
            try:
                with pytest.raises(SystemExit) as ended:
                    cli.main()
            finally:  # a command sets both for its own process; this one has other tests to run
                signal.signal(signal.SIGINT, before)
                logging.getLogger("aiokafka").setLevel(level)
        shown = capsys.readouterr()
        assert "Traceback" not in shown.err
        code = ended.value.code
        return (code if isinstance(code, int) else 0), shown.err

    return run
