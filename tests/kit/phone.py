"""A member of staff with a phone: somebody of the small city, and their browser."""

import datetime as dt
from typing import Any
from uuid import UUID

from playwright.async_api import Browser, BrowserContext, Page

from shared.events import Place
from tests.kit import reporting as small
from tests.kit.browser import Town, context_of, signed_in, skewed
from tests.kit.reporting import COUNTER, DAY, OPD, Staff, at

OFFICE = {"latitude": -6.2383, "longitude": 106.9756, "accuracy": 8}
NOW = at("07:20")
TOMORROW = DAY + dt.timedelta(days=1)


async def clerk(town: Town) -> UUID:
    staff = Staff.new()
    place = Place(lat=OFFICE["latitude"], lon=OFFICE["longitude"], radius_m=100)
    told = [event for event in small.city(staff) if event.topic != "attendance.recorded.v1"]
    at_counter = small.unit(COUNTER, OPD, "Loket KTP-el", "Dukcapil", 2).model_copy(
        update={"places": [place], "revision": 2}
    )
    days = [DAY + dt.timedelta(days=ahead) for ahead in (1, 4, 5)]
    plans = [
        small.plan(staff.clerk, OPD, COUNTER, mode, day)
        for mode, day in zip(("WFH", "WFO", "LEAVE"), days, strict=True)
    ]
    await town.city.know(*told, at_counter, *plans)
    return staff.clerk


async def phone_of(
    browser: Browser, town: Town, who: UUID, *, position: bool = True, ahead_ms: int | None = 0, **how: Any
) -> tuple[BrowserContext, Page]:
    """The phone of somebody who has signed in; its clock goes with the town's, `ahead_ms` before it."""
    allowed = {"geolocation": OFFICE, "permissions": ["geolocation"]} if position else {}
    context = await context_of(browser, **allowed, **how)
    if ahead_ms is not None:
        there = int((NOW - dt.datetime.now(dt.UTC)).total_seconds() * 1000)
        await context.add_init_script(skewed(there + ahead_ms))
    context.set_default_timeout(10_000)
    page = await context.new_page()
    await signed_in(page, await town.link("staff", who))
    await page.wait_for_url(f"{town.url}/reporting/app/")
    return context, page


async def punches(town: Town, who: UUID) -> list[dict[str, Any]]:
    """What attendance has recorded of somebody, whatever the day."""
    async with town.city.apps["attendance"].state.service.db.read() as tx:
        rows = await tx.connection.fetch(
            "select punch_id::text, kind, source, time_trust, at, device_at, zone from punch "
            "where employee_id = $1 order by at, punch_id",
            who,
        )
    return [dict(row) for row in rows]
