"""Signing in and out by the city's account in a real browser: other site, cookies, and pages that lead on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, expect

from shared.database import Database
from tests.conftest import DatabaseFor
from tests.e2e.test_board import context  # noqa: F401  # pyright: ignore[reportUnusedImport] - a fixture
from tests.kit import reporting as small
from tests.kit.city_account import CLIENT_ID, SECRET, CityAccount, city_account, free_port
from tests.kit.reporting import Running, Staff, at

STAFF = Staff.new()


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    secret, mapping = tmp_path / "secret", tmp_path / "mapping.toml"
    secret.write_text(SECRET)
    mapping.write_text('otherwise = "staff"')
    return secret, mapping


@pytest_asyncio.fixture
async def places(
    kafka: str, database_for: DatabaseFor, tmp_path: Path, files: tuple[Path, Path]
) -> AsyncIterator[tuple[Running, CityAccount]]:
    """Hadir on 127.0.0.1, and the city's account on localhost: for a browser these are two sites."""
    db: Database = await database_for("reporting")
    port = free_port()
    people = {"budi": {"employee_id": str(STAFF.clerk)}}
    async with city_account(f"http://127.0.0.1:{port}", host="localhost", accounts=people) as account:
        told = {
            "public_url": f"http://127.0.0.1:{port}",
            "oidc_issuer": account.issuer,
            "oidc_client_id": CLIENT_ID,
            "oidc_client_secret_file": files[0],
            "oidc_mapping_file": files[1],
        }
        async with small.running(kafka, db, tmp_path, at("09:00"), port, **told) as running:
            await running.fold(*small.city(STAFF))
            yield running, account


@pytest.mark.parametrize("script", [True, False])
async def test_a_person_signs_in_by_the_citys_account_and_out_of_both(
    places: tuple[Running, CityAccount],
    context: BrowserContext,  # noqa: F811
    script: bool,
) -> None:
    service, account = places
    if not script:
        own = context.browser
        assert own is not None
        context = await own.new_context(locale="id-ID", java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{service.url}/reporting/")
    await page.get_by_role("link", name="Masuk dengan akun kota").click()
    await page.wait_for_url(f"{account.issuer}/**")
    await page.locator("input[name=login]").fill("budi")
    await page.locator("input[name=password]").fill("x")
    await page.locator("button[type=submit]").click()
    await page.locator("button[type=submit]").click()  # what Hadir may know of the account
    await page.wait_for_url(f"{service.url}/reporting/app/")  # staff begin with their own day
    await page.get_by_role("link", name="Akun").click()
    await page.get_by_role("button", name="Keluar").click()
    await page.wait_for_url(f"{account.issuer}/session/end**")
    await page.goto(f"{service.url}/reporting/")
    await expect(page.get_by_role("link", name="Masuk dengan akun kota")).to_be_visible()
