"""What every test on real servers takes for granted."""

import math
from collections.abc import Iterator

import pytest

from services.reporting.tasks import transitions


@pytest.fixture(scope="session", autouse=True)
def a_round_of_the_ticker_takes_its_time() -> Iterator[None]:
    """All that is due is announced in one round, however busy the machine is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transitions, "BUDGET_S", math.inf)
        yield
