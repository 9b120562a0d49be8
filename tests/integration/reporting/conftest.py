"""The small city, and the service on real servers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from shared.database import Database
from tests.kit import reporting as city
from tests.kit.reporting import Running, Staff, at


@pytest.fixture
def staff() -> Staff:
    return Staff.new()


@pytest_asyncio.fixture
async def service(
    kafka: str, database_for: Callable[[str], Awaitable[Database]], tmp_path: Path, staff: Staff
) -> AsyncIterator[Running]:
    """The service at 09:00 of the small city's day."""
    db = await database_for("reporting")
    async with city.running(kafka, db, tmp_path, at("09:00")) as running:
        await running.fold(*city.city(staff))
        yield running
