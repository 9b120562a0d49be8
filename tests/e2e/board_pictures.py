"""The pictures of the board in the documentation: `make pictures`. Not among the tests."""

import asyncio

from playwright.async_api import Browser, expect

from tests.e2e.test_board_pages import OPD, page_of, service, told
from tests.kit.board_city import counter, working_days
from tests.kit.browser import DESK, picture
from tests.kit.reporting import DAY, Running

assert service  # a fixture

PHONE = {"width": 360, "height": 740}
WEEKS = 5


async def test_draw_the_board(service: Running, browser: Browser) -> None:
    await told(service, working_days(DAY, WEEKS), reports=True)
    async with asyncio.timeout(300):
        while await _waiting(service):  # noqa: ASYNC110 - the steps are computed; until then each look judges all
            await asyncio.sleep(1)
    page = await page_of(service, browser, DESK | {"height": 1080})
    await expect(page.locator("#state-text")).to_have_text("langsung")
    await picture(page, "board")
    await page.set_viewport_size(PHONE)  # pyright: ignore[reportArgumentType]
    await picture(page, "board-360")
    await page.goto(f"{service.url}/reporting/board/units/{counter(OPD)}")
    await picture(page, "board-counter-360", whole=True)
    await page.set_viewport_size(DESK | {"height": 1180})  # pyright: ignore[reportArgumentType]
    await page.goto(f"{service.url}/reporting/board/opds/{OPD}/course")
    await picture(page, "board-opd-course-1280", whole=True)
    await page.context.close()


async def _waiting(service: Running) -> int:
    async with service.db.read() as tx:
        return await tx.connection.fetchval(
            "select (select count(*) from touched) + (select count(*) from touched_counter)"
        )
