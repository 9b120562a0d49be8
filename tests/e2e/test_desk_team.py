"""A superior's evening in a real browser, at the size of a phone and of a desk."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from shared.access import Role
from shared.clock import FixedClock
from tests.kit.browser import DESK, PHONE, chromium, findings, one_port, sign_in, weight, width, window
from tests.kit.doors import City, Template, all_services
from tests.kit.reporting import DAY, OPD, at
from tests.kit.team import ITEMS, NAMES, Team


class Evening:
    """The four services, a browser, and a team whose reports wait."""

    def __init__(self, city: City, url: str, browser: Browser, team: Team) -> None:
        self.city, self.url, self.browser, self.team = city, url, browser, team

    async def page(self, path: str, size: dict[str, int], role: Role = "supervisor", **how: Any) -> Page:
        opd = OPD if role == "opd_admin" else None
        context = await window(self.browser, size, **how)
        page = await sign_in(context, self.url, self.city.signer.token(role, self.team.boss, opd))
        await page.goto(f"{self.url}/reporting/desk/{path}")
        return page


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def evening(
    postgres: str, migrated_template: Template, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Evening]:
    clock, team = FixedClock(at("16:30")), Team()
    folder = tmp_path_factory.mktemp("desk")
    async with all_services(postgres, migrated_template, folder, clock) as city, one_port(city) as url:
        await team.arrive(city)
        await team.report(city, *NAMES[:8])
        async with chromium() as browser:
            yield Evening(city, url, browser, team)


PAGES = ("team", "plans", "ratings", f"people/{{person}}/{DAY}")


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
async def test_each_page_fits_its_window_and_has_no_finding_of_axe_by_day_and_night(
    evening: Evening, size: dict[str, int]
) -> None:
    page = await evening.page("", size)
    for path in PAGES:
        await page.goto(f"{evening.url}/reporting/desk/{path.format(person=evening.team.people['Sri Hartati'])}")
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            assert await findings(page) == [], (path, scheme)
        assert await width(page) == size["width"], path
    await page.context.close()


async def test_the_team_is_read_without_script_and_in_less_than_150_kb(evening: Evening) -> None:
    page = await evening.page("", PHONE, java_script_enabled=False)
    await page.goto(f"{evening.url}/reporting/desk/team?state=missing")
    await expect(page.locator("[data-member]")).to_have_count(2)
    await expect(page.locator(".tiles-of")).to_contain_text("13 Semua")
    await page.get_by_role("link", name="Agus Prasetyo").click()
    await expect(page.locator(".reasons")).to_contain_text("Tidak ada catatan masuk")
    # Chromium draws no <noscript> where it is merely told to run nothing.
    assert "memerlukan JavaScript" in await page.content()
    await page.context.close()
    context = await window(evening.browser, PHONE)
    page = await sign_in(context, evening.url, evening.city.signer.token("supervisor", evening.team.boss))
    await page.goto(f"{evening.url}/reporting/desk/team", wait_until="networkidle")
    assert 0 < await weight(page) < 150_000
    await context.close()


async def test_a_superior_decides_on_many_reports_by_keyboard_and_each_gets_its_answer(evening: Evening) -> None:
    page = await evening.page("team", PHONE)
    await page.get_by_label("Pilih laporan Rina Wulandari").focus()
    await page.keyboard.press("Space")
    await page.get_by_label("Pilih laporan Joko Susilo").press("Space")
    await expect(page.locator("#chosen")).to_have_text("2 dipilih")
    # Meanwhile one hands in another revision: what the superior has read is no more what is there.
    joko = evening.team.people["Joko Susilo"]
    headers = evening.city.signer.headers("staff", joko)
    address = f"/reporting/v1/me/reports/{DAY}"
    revised = await evening.city.client.put(address, json={"items": ITEMS[:1]}, headers=headers)
    assert revised.status_code == 200
    await page.locator("#note").focus()
    await page.keyboard.type("Terima kasih.")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("1 dari 2 laporan diputuskan.")).to_be_visible()
    rina = page.locator("[data-member]", has_text="Rina Wulandari").locator("[data-outcome]")
    await expect(rina).to_have_text("Diterima.")
    await expect(page.locator(f"[data-member='{joko}'] [data-outcome]")).to_contain_text("bukan terbaru")
    await page.reload()
    await expect(rina).to_contain_text("Laporan 2 butir diterima")
    await page.context.close()


async def test_a_double_tap_decides_once_and_nobody_chosen_is_said(evening: Evening) -> None:
    page = await evening.page("team", PHONE)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
    await page.get_by_role("button", name="Terima").click()
    await expect(page.get_by_text("Pilih dulu laporan")).to_be_visible()
    await page.get_by_label("Pilih laporan Maya Anggraini").check()
    await page.get_by_role("button", name="Kembalikan").dblclick()
    await expect(page.get_by_text("1 dari 1 laporan diputuskan.")).to_be_visible()
    assert len([url for url in asked if url.endswith("/v1/reviews")]) == 1
    await page.context.close()


async def test_quantities_are_accepted_in_part_and_too_much_is_said_beside_its_field(evening: Evening) -> None:
    budi = evening.team.people["Budi Santosa"]
    page = await evening.page(f"people/{budi}/{DAY}", PHONE)
    first = page.get_by_label("Diterima dari 30 keping")
    # A browser that does not check lets a wrong quantity pass to the door.
    await page.locator("form.act[data-door*=reviews]").evaluate("form => { form.noValidate = true; }")
    await first.fill("31")
    await page.get_by_role("button", name="Terima").click()
    await expect(first).to_have_attribute("aria-invalid", "true")
    await expect(page.locator("p.wrong[data-of]")).to_contain_text("30")
    await first.fill("28")
    await page.get_by_label("Catatan untuk pegawai").fill("Dua keping rusak.")
    await page.get_by_role("button", name="Terima").click()
    await expect(page.get_by_text("Laporan 2 butir diterima")).to_be_visible()
    await expect(page.get_by_label("Diterima dari 30 keping")).to_have_value("28")
    await expect(page.get_by_text("Dua keping rusak.").first).to_be_visible()
    await page.context.close()


async def test_a_deputy_decides_too_and_others_are_told_nothing(evening: Evening) -> None:
    context = await window(evening.browser, PHONE)
    page = await sign_in(context, evening.url, evening.city.signer.token("staff", evening.team.deputy))
    await page.goto(f"{evening.url}/reporting/desk/team")
    await expect(page.locator("[data-member]")).to_have_count(12)
    stranger = evening.team.boss
    answer = await page.goto(f"{evening.url}/reporting/desk/people/{stranger}/{DAY}")
    assert answer is not None
    assert answer.status == 404
    await expect(page.get_by_role("alert")).to_contain_text("lingkup Anda")
    await expect(page.get_by_text("Tuti Kurnia")).to_have_count(0)
    await context.close()


ROLES: tuple[Role, ...] = ("staff", "supervisor", "opd_admin", "bkpsdm", "council", "auditor", "ops")
OPEN = {
    "team": "++++...",
    "plans": "++++...",
    "ratings": "++++...",
    "people": "..++.+.",
    "samples": "..++.+.",
}
"""Which page opens to which role, in the order of ROLES; the others are told whose it is."""


@pytest.mark.parametrize("path", OPEN)
async def test_a_page_opens_to_those_who_have_a_use_for_it(evening: Evening, path: str) -> None:
    client = evening.city.client
    signed_out = await client.get(f"/reporting/desk/{path}")
    assert (signed_out.status_code, signed_out.headers["location"][:16]) == (303, "/reporting/login")
    got = ""
    for role in ROLES:
        opd = OPD if role == "opd_admin" else None
        token = evening.city.signer.token(role, evening.team.boss, opd)
        opened = await client.post("/reporting/login", data={"token": token})
        client.cookies.clear()
        cookie = {"Cookie": opened.headers["set-cookie"].partition(";")[0]}
        answer = await client.get(f"/reporting/desk/{path}", headers=cookie)
        assert answer.status_code in (200, 403), answer.text
        got += "+" if answer.status_code == 200 else "."
        assert (f'href="/reporting/desk/{path}"' in answer.text) == (answer.status_code == 200), role
    assert got == OPEN[path]
