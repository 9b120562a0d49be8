"""A head on a phone: the alert of a counter, who could help, asking them; whoever is asked answers in the app."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from shared.access import Role
from shared.clock import FixedClock
from shared.events import CoverageChanged, Place
from tests.kit.browser import PHONE, chromium, one_port, presentable, settled, sign_in, window
from tests.kit.doors import City, Template, all_services
from tests.kit.reporting import COUNTER, OPD, at, employee, plan, unit

HEAD, CLERK, HELPER, OFFICER = (uuid4() for _ in range(4))
NEXT_DOOR = "DUKCAPIL-L2"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def short(
    postgres: str, migrated_template: Template, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[City, str]]:
    """A counter that is short of staff since 08:30, and a helper 300 metres away."""
    folder = tmp_path_factory.mktemp("alert")
    async with (
        all_services(postgres, migrated_template, folder, FixedClock(at("08:30"))) as city,
        one_port(city) as url,
    ):
        here, there = (Place(lat=-6.24 + north, lon=107.0, radius_m=50) for north in (0, 0.0027))
        counter = unit(COUNTER, OPD, "Loket KTP-el", "Dukcapil", 2)
        other = unit(NEXT_DOOR, OPD, "Loket Akta", "Dukcapil", 0)
        helper = employee(HELPER, OPD, NEXT_DOOR, skills=["ktp-el"]).model_copy(update={"name": "Sri Hartati"})
        await city.know(
            counter.model_copy(update={"places": [here]}),
            other.model_copy(update={"places": [there], "requirements": [], "is_service_point": False}),
            employee(HEAD, OPD, COUNTER, heads=[COUNTER]),
            employee(CLERK, OPD, COUNTER, skills=["ktp-el"]),
            helper,
            plan(CLERK, OPD, COUNTER),
            plan(HELPER, OPD, NEXT_DOOR),
        )
        await city.know(
            CoverageChanged(
                unit_id=COUNTER,
                opd_code=OPD,
                revision=1,
                status="short",
                previous="closed",
                as_of=at("08:30"),
                required=2,
                present_low=1,
                present_high=1,
            )
        )
        yield city, url


async def message(city: City, who: UUID, kind: str) -> str:
    inbox = await city.client.get("/notifications/v1/me/inbox", headers=city.signer.headers("staff", who))
    return next(one["notification_id"] for one in inbox.json()["items"] if one["kind"] == kind)


async def test_a_head_asks_the_nearest_who_answers_and_it_is_seen_to(short: tuple[City, str]) -> None:
    city, url = short

    async def page_of(page_of: UUID, role: Role, path: str) -> Page:
        context = await window(browser, PHONE)
        page = await sign_in(context, url, city.signer.token(role, page_of, OPD if role == "opd_admin" else None))
        await page.goto(f"{url}{path}")
        await settled(page)
        return page

    async with chromium() as browser:
        path = f"/reporting/desk/alerts/{await message(city, HEAD, 'counter.short')}"
        page = await page_of(HEAD, "staff", path)
        row = page.locator(".members > li")
        await expect(row).to_contain_text("Loket Akta")
        await expect(row).to_contain_text("300 m")
        await expect(row).to_contain_text("ktp-el")
        assert "Sri Hartati" not in await page.content()  # who may not read names is shown none
        assert await presentable(page, PHONE) == []
        await page.get_by_role("button", name="Minta bantuan").click()
        await expect(page.locator("#alert")).to_contain_text("belum menjawab")
        await expect(row).to_have_count(0)

        app = await page_of(HELPER, "staff", "/reporting/app/inbox/")
        await app.get_by_role("button", name="Saya bisa membantu").click()
        await expect(app.get_by_text("Jawaban Anda: bisa membantu.")).to_be_visible()
        assert await presentable(app, PHONE) == []

        await page.reload()
        await settled(page)
        await expect(page.locator("#alert")).to_contain_text("bisa membantu")
        await page.get_by_role("button", name="Saya tangani").click()
        await expect(page.locator("#alert")).to_contain_text("Anda tangani sejak")

        other = await page_of(OFFICER, "bkpsdm", path)  # not theirs
        await expect(other.locator("#alert [data-said]")).to_have_class("said wrong")
        named = await page_of(HEAD, "opd_admin", path)
        await expect(named.locator("#alert")).to_contain_text("Sri Hartati")
