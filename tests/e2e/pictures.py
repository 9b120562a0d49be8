"""The pictures of the documentation, drawn of the running pages: `make pictures`. Not among the tests."""

from uuid import uuid4

from playwright.async_api import Browser, expect

from tests.kit.browser import DESK, picture
from tests.kit.phone import NOW, Town, clerk, phone_of
from tests.kit.reporting import COUNTER, DAY, OPD, at, check_in, plan


async def test_draw_the_app(town: Town, browser: Browser) -> None:
    town.clock.set(NOW)
    who = await clerk(town)
    for day in (3, 4, 5):
        date = DAY.replace(day=day)
        came = check_in(who, "07:41" if day == 4 else "07:22").model_copy(update={"work_date": date})
        came = came.model_copy(update={"at": at("07:41" if day == 4 else "07:22", date)})
        left = came.model_copy(update={"punch_id": uuid4(), "kind": "out", "at": at("16:05", date)})
        await town.city.know(plan(who, OPD, COUNTER, "WFO", date), came, left)
    context, page = await phone_of(browser, town, who)
    await expect(page.locator("#position")).to_contain_text("8 m")
    await picture(page, "app-today-360")
    await page.goto(f"{town.url}/reporting/app/report/{DAY}")
    await page.get_by_role("combobox", name="Pekerjaan").fill("Cetak KTP-el")
    await page.get_by_label("Jumlah").fill("30")
    await page.get_by_label("Satuan").fill("keping")
    await expect(page.locator("#saved")).to_contain_text("Konsep tersimpan")
    await picture(page, "app-report-360")
    await page.evaluate("navigator.serviceWorker.ready")
    await context.set_offline(True)
    await page.goto(f"{town.url}/reporting/app/")
    await page.get_by_role("button", name="Masuk").click()
    await expect(page.locator("#waiting li")).to_have_count(1)
    await page.evaluate("scrollTo(0, 150)")
    await picture(page, "app-offline-360")
    await context.close()
    context, page = await phone_of(browser, town, who, size=DESK)
    await page.goto(f"{town.url}/reporting/app/days/")
    await picture(page, "app-days-1280")
    await context.close()
