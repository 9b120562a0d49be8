"""The pages of pilots in a real browser: registered by an officer, read by the council."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from shared.access import Role
from tests.kit import piloting
from tests.kit.browser import DESK, PHONE, findings, presentable, settled, sign_in, weight, window
from tests.kit.doors import City
from tests.kit.phone import NOW, Town
from tests.kit.piloting import CONTROL, PEOPLE, TREATED, WORSE, protocol
from tests.kit.reporting import at


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def known(town: Town) -> AsyncIterator[Town]:
    """The town, and twelve OPDs with a past and with dates to come."""
    await town.city.know(*piloting.city(PEOPLE), *piloting.history(PEOPLE))
    yield town
    town.clock.set(NOW)


async def opened(town: Town, browser: Browser, role: Role, path: str, size: dict[str, int] = PHONE) -> Page:
    context = await window(browser, size)
    page = await sign_in(context, town.url, town.city.signer.token(role, uuid4()))
    await page.goto(f"{town.url}/reporting/{path}")
    return page


async def registered(city: City, **changed: object) -> str:
    """A pilot that an officer has registered."""
    sent = protocol(**changed)
    answer = await city.client.post(
        "/reporting/v1/pilots", json=sent, headers=city.signer.headers("bkpsdm", uuid4())
    )
    assert answer.status_code == 201, answer.text
    return sent["pilot_id"]


async def test_an_officer_sees_what_a_pilot_could_tell_and_registers_it(known: Town, browser: Browser) -> None:
    known.clock.set(NOW)
    page = await opened(known, browser, "bkpsdm", "pilots")
    assert page.url.endswith("/reporting/desk/pilots")
    await page.get_by_label("Kode uji coba").fill("wfh-e2e")
    await page.get_by_label("Judul").fill("WFH di loket")
    await page.get_by_label("Pertanyaan").fill("Apakah loket tetap terisi?")
    await page.get_by_label("Batas (0,03").fill("0.2")
    await page.get_by_label("OPD yang menjalani").select_option(list(TREATED))
    await page.get_by_label("OPD pembanding").select_option(list(CONTROL[:1]))
    for name, span in (("baseline", piloting.BASELINE), ("trial", piloting.TRIAL)):
        await page.locator(f"[name='{name}.from']").fill(str(span[0]))
        await page.locator(f"[name='{name}.to']").fill(str(span[1]))
    await page.get_by_role("button", name="Apa yang dapat dikatakan?").click()
    await expect(page.locator("#previewed")).to_contain_text("kurang dari lima OPD")
    await page.get_by_label("OPD pembanding").select_option([*CONTROL, TREATED[0]])
    await page.get_by_role("button", name="Daftarkan").click()
    await expect(page.get_by_text("OPD berada di kedua kelompok")).to_be_visible()
    await page.get_by_label("OPD pembanding").select_option(list(CONTROL))
    await page.get_by_role("button", name="Apa yang dapat dikatakan?").click()
    await expect(page.locator("#previewed")).to_contain_text("100%")
    await expect(page.locator("#previewed .alert")).to_have_count(0)
    assert await findings(page) == []
    await page.get_by_role("button", name="Daftarkan").click()
    await page.get_by_role("link", name="WFH di loket").click()
    await expect(page.get_by_text("Apa yang dapat dikatakan nanti")).to_be_visible()
    await page.get_by_text("Ubah sebagai revisi baru").first.click()
    await page.get_by_label("Judul").fill("WFH di loket, diperbaiki")
    await page.get_by_role("button", name="Ubah sebagai revisi baru").click()
    await expect(page.get_by_role("heading", name="WFH di loket, diperbaiki")).to_be_visible()
    await expect(page.get_by_role("link", name="Revisi 2")).to_be_visible()
    await page.context.close()


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
async def test_the_council_reads_a_verdict_and_why_by_day_and_night(
    known: Town, browser: Browser, size: dict[str, int]
) -> None:
    known.clock.set(NOW)
    even = await registered(known.city)
    worse = await registered(known.city, trial={"from": str(WORSE[0]), "to": str(WORSE[1])}, count_by="people")
    page = await opened(known, browser, "council", f"desk/pilots/{even}", size)
    await expect(page.get_by_text("Apa yang dapat dikatakan nanti")).to_be_visible()
    assert await findings(page) == []
    await page.context.close()
    known.clock.set(at("08:00", piloting.TRIAL[1].replace(day=24)))
    said = {even: "Dalam batas", worse: "Lebih buruk dari batas"}
    page = await opened(known, browser, "council", "desk/pilots", size)
    assert 0 < await weight(page) < 150_000
    for pilot_id, verdict in said.items():
        await page.goto(f"{known.url}/reporting/pilots/{pilot_id}")
        await settled(page)
        await expect(page.locator(".verdict")).to_have_text(verdict)
        await expect(page.locator("svg.chart title")).to_contain_text("tepat waktu")
        await expect(page.locator("form.act")).to_have_count(0)
        await expect(page.get_by_role("row", name="Dinas 3275.12")).to_contain_text("%")
        assert await presentable(page, size) == []
    await page.goto(f"{known.url}/reporting/desk/pilots/{even}?lang=en")
    await expect(page.locator(".verdict")).to_have_text("Within the margin")
    missing = await page.goto(f"{known.url}/reporting/desk/pilots/nobody")
    assert missing is not None
    assert missing.status == 404
    await page.context.close()


async def test_who_has_no_use_for_pilots_is_told_so(known: Town, browser: Browser) -> None:
    for role in ("staff", "opd_admin", "ops"):
        page = await opened(known, browser, role, "")
        refused = await page.goto(f"{known.url}/reporting/desk/pilots")
        assert refused is not None
        assert refused.status == 403, role
        await page.context.close()
