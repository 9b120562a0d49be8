"""A member of staff with a phone: somebody of the small city, and their browser."""

import asyncio
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from playwright.async_api import Browser, BrowserContext, Page

from deploy.links import sign_in_link
from shared.access import Role
from shared.clock import FixedClock
from shared.events import TOPICS, Place
from tests.kit import reporting as small
from tests.kit.browser import PHONE, window
from tests.kit.doors import City
from tests.kit.reporting import COUNTER, DAY, OPD, Staff, at

OFFICE = {"latitude": -6.2383, "longitude": 106.9756, "accuracy": 8}
NOW = at("07:20")
TOMORROW = DAY + dt.timedelta(days=1)


@dataclass
class Town:
    """The services in this process, where a browser finds them, and their clock."""

    city: City
    url: str
    clock: FixedClock
    told: dict[str, int] = field(default_factory=dict[str, int])

    async def link(self, role: Role = "staff", subject: UUID | None = None, opd: str | None = None) -> str:
        """A sign-in link for somebody."""
        token = self.city.signer.token(role, subject, opd)
        return await asyncio.to_thread(sign_in_link, self.url, token)

    async def tell(self) -> None:
        """Carry what the services have promised since the last time to those who read it, as Kafka would."""
        for name, app in self.city.apps.items():
            async with app.state.service.db.read() as tx:
                rows = await tx.connection.fetch(
                    "select id, topic, value from outbox where id > $1 order by id", self.told.get(name, 0)
                )
            for row in rows:
                self.told[name] = row["id"]
                await self.city.know(TOPICS[row["topic"]].event.model_validate_json(row["value"]))


async def signed_in(page: Page, link: str) -> Page:
    """The page after its browser was signed in by a link, wherever that leads."""
    await page.goto(link)
    await page.get_by_role("button", name="Masuk").click()
    await page.wait_for_load_state()
    return page


def skewed(milliseconds: int) -> str:
    """A script that puts a page's clock so far ahead."""
    return f"""(() => {{
      const Real = Date;
      globalThis.Date = class extends Real {{
        constructor(...given) {{ if (given.length) super(...given); else super(Real.now() + {milliseconds}); }}
        static now() {{ return Real.now() + {milliseconds}; }}
      }};
    }})();"""


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
    browser: Browser,
    town: Town,
    who: UUID,
    *,
    size: Mapping[str, int] = PHONE,
    position: bool = True,
    ahead_ms: int = 0,
    **how: Any,
) -> tuple[BrowserContext, Page]:
    """The phone of somebody who has signed in; its clock goes with the town's, `ahead_ms` before it."""
    allowed = {"geolocation": OFFICE, "permissions": ["geolocation"]} if position else {}
    context = await window(browser, dict(size), **allowed, **how)
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
