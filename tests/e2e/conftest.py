"""The four services behind one port, and a browser: once for all tests of pages that ask for them."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from shared.clock import FixedClock
from tests.kit.browser import chromium, one_port
from tests.kit.doors import Template, all_services
from tests.kit.phone import NOW, Town, clerk


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def town(
    postgres: str, migrated_template: Template, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Town]:
    folder: Path = tmp_path_factory.mktemp("town")
    clock = FixedClock(NOW)
    async with (
        all_services(postgres, migrated_template, folder, clock) as city,
        one_port(city) as url,
    ):
        yield Town(city, url, clock)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture
async def someone(town: Town) -> UUID:
    """A clerk with a plan for the day at the counter, and for days after it, on a morning at 07.20."""
    town.clock.set(NOW)
    return await clerk(town)
