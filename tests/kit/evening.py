"""A superior's evening in a browser: the four services, a team whose reports wait, two officers of BKPSDM."""

from typing import Any
from uuid import uuid4

from playwright.async_api import Browser, Page

from shared.access import Role
from tests.kit.browser import sign_in, window
from tests.kit.doors import City
from tests.kit.reporting import DAY, OPD, at
from tests.kit.team import Team


class Evening:
    """The four services, a browser, and a team whose reports wait."""

    def __init__(self, city: City, url: str, browser: Browser, team: Team) -> None:
        self.city, self.url, self.browser, self.team = city, url, browser, team
        self.first, self.second = uuid4(), uuid4()
        """Two officers of BKPSDM."""

    async def page(self, path: str, size: dict[str, int], role: Role = "supervisor", **how: Any) -> Page:
        opd = OPD if role == "opd_admin" else None
        context = await window(self.browser, size, **how)
        page = await sign_in(context, self.url, self.city.signer.token(role, self.team.boss, opd))
        await page.goto(f"{self.url}/reporting/desk/{path}")
        return page

    async def ask(self) -> None:
        """Agus asks his superior for the check-in that he forgot."""
        asked = {
            "request_id": str(uuid4()),
            "kind": "missed_punch",
            "work_date": str(DAY),
            "punches": [{"kind": "in", "at": at("07:20").isoformat(), "zone": "office"}],
            "reason": "Antrean panjang di loket, lupa mencatat.",
        }
        headers = self.city.signer.headers("staff", self.team.people["Agus Prasetyo"])
        answer = await self.city.client.post("/attendance/v1/requests", json=asked, headers=headers)
        assert answer.status_code == 201, answer.text
