"""The board in a real browser: Chromium, at the size of a phone and of a desk."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from deploy.links import sign_in_link
from shared.database import Database
from tests.kit import reporting as small
from tests.kit.browser import DESK
from tests.kit.reporting import Running, Staff, at

DatabaseFor = Callable[[str], Awaitable[Database]]

PHONE = {"width": 375, "height": 780}


@pytest.fixture
def staff() -> Staff:
    return Staff.new()


@pytest_asyncio.fixture
async def service(kafka: str, database_for: DatabaseFor, tmp_path: Path, staff: Staff) -> AsyncIterator[Running]:
    db = await database_for("reporting")
    async with small.running(kafka, db, tmp_path, at("09:00")) as running:
        await running.fold(*small.city(staff))
        yield running


@pytest_asyncio.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(locale="id-ID", viewport=DESK)  # pyright: ignore[reportArgumentType]
    yield context
    await context.close()


async def signed_in(context: BrowserContext, service: Running, role: str = "bkpsdm", **claims: object) -> Page:
    """A page on the board, come to by the sign-in link; complaints of the browser fail the test at its end."""
    page = await context.new_page()
    token = service.signer.token(role, **claims)  # pyright: ignore[reportArgumentType]
    await page.goto(await asyncio.to_thread(sign_in_link, service.url, token))
    await page.get_by_role("button", name="Masuk").click()
    await page.wait_for_url(f"{service.url}/reporting/**")
    await page.goto(f"{service.url}/reporting/")  # staff begin with their own day
    return page


async def test_a_sign_in_link_leads_to_a_board_that_says_it_is_live(
    service: Running, context: BrowserContext
) -> None:
    complaints: list[str] = []
    context.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page = await signed_in(context, service)
    await expect(page.locator("#state-text")).to_have_text("langsung")
    await expect(page.locator("[data-duty=on_time] .rate")).to_have_text("25,0%")
    await expect(page.locator("[data-counter=short]")).to_have_text("1")
    await expect(page.locator("#short")).to_contain_text("Loket Pendaftaran")
    await expect(page.locator("#short [data-since]")).to_have_text("08.00")
    assert complaints == []


async def test_a_check_in_shows_on_the_open_board_without_a_reload(
    service: Running, staff: Staff, context: BrowserContext
) -> None:
    page = await signed_in(context, service)
    await expect(page.locator("#state-text")).to_have_text("langsung")
    await service.fold(small.check_in(staff.elsewhere, "08:59", small.OTHER_OPD, small.OTHER_COUNTER))
    await expect(page.locator("[data-counter=short]")).to_have_text("0")
    await expect(page.locator("#calm")).to_be_visible()
    await expect(page.locator("#short li")).to_have_count(0)
    row = page.locator(f"[data-opd-code='{small.OTHER_OPD}'] [data-cell=counters]")
    await expect(row).to_have_text("0 / 1")


async def test_a_counter_that_becomes_short_is_listed_with_its_time(
    service: Running, staff: Staff, context: BrowserContext
) -> None:
    page = await signed_in(context, service, "council")
    await expect(page.locator("#state-text")).to_have_text("langsung")
    leaves = small.check_in(staff.clerk, "08:45").model_copy(update={"kind": "out"})
    await service.fold(leaves)
    listed = page.locator(f"#short [data-unit='{small.COUNTER}']")
    await expect(listed).to_contain_text("Loket KTP-el")
    await expect(listed.locator("[data-since]")).to_have_text("08.45")
    await expect(listed.locator("[data-present]")).to_have_text("1")


async def test_the_board_says_that_it_is_cut_off_when_the_service_is_gone(
    service: Running, context: BrowserContext
) -> None:
    page = await signed_in(context, service)
    await expect(page.locator("#state-text")).to_have_text("langsung")
    service.app.state.service.stopping.set()
    await expect(page.locator("#state-text")).to_have_text("terputus")


async def test_the_board_fits_a_phone_and_needs_no_script(service: Running, browser: Browser) -> None:
    context = await browser.new_context(
        viewport=PHONE,  # pyright: ignore[reportArgumentType]
        java_script_enabled=False,
        locale="id-ID",
    )
    page = await signed_in(context, service)
    await expect(page.locator("[data-duty=on_time] .rate")).to_have_text("25,0%")
    await expect(page.locator("#short")).to_contain_text("Loket Pendaftaran")
    await context.close()
    context = await browser.new_context(viewport=PHONE, locale="id-ID")  # pyright: ignore[reportArgumentType]
    page = await signed_in(context, service)
    await expect(page.locator("#state-text")).to_have_text("langsung")
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width == PHONE["width"]
    await context.close()


async def test_signing_out_ends_the_board_and_going_back_shows_it_to_nobody(
    service: Running, context: BrowserContext
) -> None:
    page = await signed_in(context, service)
    await expect(page.locator("#state-text")).to_have_text("langsung")
    cookies = await context.cookies()
    await page.get_by_role("button", name="Keluar").click()
    await expect(page.locator("[data-duty]")).to_have_count(0)
    assert await context.cookies() == []
    await page.go_back()
    await expect(page.locator("[data-duty]")).to_have_count(0)
    await context.add_cookies(cookies)  # pyright: ignore[reportArgumentType]
    await page.goto(f"{service.url}/reporting/")
    await expect(page.locator("[data-duty]")).to_have_count(0)


async def test_the_council_is_shown_a_dash_for_figures_of_few_before_and_after_they_change(
    service: Running, staff: Staff, context: BrowserContext
) -> None:
    complaints: list[str] = []
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    page = await signed_in(context, service, "council")
    await expect(page.locator("#state-text")).to_have_text("langsung")
    for _ in range(2):
        await expect(page.locator("[data-duty=on_time] .rate")).to_have_text("–")
        await expect(page.locator("[data-bind='duties.on_time.n']")).to_have_text("–")
        await expect(page.locator(f"[data-opd-code='{small.OPD}'] [data-cell=employees]")).to_have_text("–")
        await expect(page.locator("[data-share=LEAVE]")).to_have_text("–")
        await service.fold(small.check_in(staff.elsewhere, "08:59", small.OTHER_OPD, small.OTHER_COUNTER))
        await expect(page.locator("[data-counter=short]")).to_have_text("0")
    assert complaints == []


async def test_staff_see_their_own_day_with_reasons_and_no_one_else(
    service: Running, staff: Staff, context: BrowserContext
) -> None:
    page = await signed_in(context, service, "staff", subject=staff.late)
    await expect(page.locator("#state-text")).to_have_text("langsung")
    await expect(page.locator(".reasons")).to_contain_text("Masuk pukul 07.41.00, lewat batas 07.30.00.")
    await expect(page.locator("[data-duty]")).to_have_count(0)
    await expect(page.locator("#opds")).to_have_count(0)


async def test_the_board_can_look_back_and_then_stands_still(service: Running, context: BrowserContext) -> None:
    page = await signed_in(context, service)
    await page.goto(f"{service.url}/reporting/?at=2025-11-06T07:28")
    await expect(page.locator("#state-text")).to_have_text("saat itu")
    await expect(page.locator("[data-duty=on_time] .rate")).to_have_text("100,0%")
    await expect(page.locator("[data-counter=closed]")).to_have_text("2")
