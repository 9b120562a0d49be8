"""What every test on real servers takes for granted."""

import math
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from services.reporting.tasks import transitions
from tests.kit.secured import Secured, secured_system


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
