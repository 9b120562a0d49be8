"""The pictures of the pages of pilots in the documentation: `make pictures`. Not among the tests."""

from playwright.async_api import Browser

from tests.e2e.test_pilots import known as known  # noqa: PLC0414 - a fixture
from tests.e2e.test_pilots import opened, registered
from tests.kit import piloting
from tests.kit.browser import DESK, PHONE, picture, settled
from tests.kit.phone import NOW, Town
from tests.kit.reporting import at


async def test_draw_a_pilot_before_and_after(known: Town, browser: Browser) -> None:
    known.clock.set(NOW)
    pilot_id = await registered(known.city, pilot_id="wfh-tahap-2")
    page = await opened(known, browser, "council", f"desk/pilots/{pilot_id}")
    await settled(page)
    await picture(page, "pilot-before-360")
    await page.context.close()
    known.clock.set(at("08:00", piloting.TRIAL[1].replace(day=24)))
    for size in (PHONE, DESK):
        page = await opened(known, browser, "council", f"desk/pilots/{pilot_id}", size)
        await settled(page)
        await picture(page, f"pilot-{size['width']}")
        await page.context.close()
