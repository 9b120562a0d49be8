"""The pictures of the officers' pages in the documentation: `make pictures`. Not among the tests."""

from playwright.async_api import expect

from tests.e2e.test_desk import CITY_FILES, Evening, csv, office
from tests.e2e.test_desk import evening as evening  # noqa: PLC0414 - a fixture
from tests.kit.browser import DESK, PHONE, picture, settled
from tests.kit.reporting import DAY


async def test_draw_a_superiors_evening(evening: Evening) -> None:
    await evening.ask()
    for size in (PHONE, DESK):
        page = await evening.page("team", size)
        await page.get_by_label("Pilih semua yang menunggu").check()
        await page.evaluate("scrollTo(0, 0)")
        await picture(page, f"desk-team-{size['width']}")
        await page.context.close()
    page = await evening.page(f"people/{evening.team.people['Dewi Lestari']}/{DAY}", PHONE)
    await settled(page)
    await picture(page, "desk-person-360", whole=True)
    await page.goto(f"{evening.url}/reporting/desk/decisions")
    await settled(page)
    await page.set_viewport_size({"width": PHONE["width"], "height": 552})
    await picture(page, "desk-decisions-360")
    await page.context.close()


async def test_draw_the_daily_work_of_an_office(evening: Evening) -> None:
    page = await office(evening, "imports", evening.first)
    for kind, text in CITY_FILES:
        await page.get_by_label("Jenis").select_option(kind)
        if kind == "employees":
            wrong = text.replace(",PNS,", ",PNZ,", 2).replace(",DISDIK-B,", ",DISDIK-X,", 1)
            await page.get_by_label("Berkas CSV").set_input_files(csv(wrong))
            await page.get_by_role("button", name="Coba dulu").click()
            await expect(page.locator("#answer tbody tr").first).to_be_visible()
            await picture(page, "desk-imports-1280")
        await page.get_by_label("Berkas CSV").set_input_files(csv(text))
        await page.get_by_role("button", name="Coba dulu").click()
        await expect(page.get_by_text("Berkas baik.")).to_be_visible()
        await page.get_by_role("button", name="Simpan").click()
        await expect(page.locator("#import [data-said]")).to_have_text("Tersimpan.")
    await page.goto(f"{evening.url}/reporting/desk/policies")
    await page.locator("#references").get_by_role("button", name="Pakai sebagai konsep").first.click()
    await page.locator("#draft").get_by_label("Dari", exact=True).fill("2025-11-10")
    await page.locator("#try-from").fill("2025-11-10")
    await page.locator("#try-to").fill("2025-11-14")
    await page.get_by_role("button", name="Hitung dampaknya").click()
    await expect(page.locator("#effect tbody tr")).to_have_count(5)
    await page.locator("#try-h").scroll_into_view_if_needed()
    await page.evaluate("scrollTo(0, document.body.scrollHeight - innerHeight - 80)")
    await picture(page, "desk-policies-1280")
    await page.context.close()
    page = await office(evening, "repair", evening.first, PHONE)
    await picture(page, "desk-repair-360")
    await page.context.close()
