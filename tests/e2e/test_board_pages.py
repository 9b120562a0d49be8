"""The board's pages over a city of 44 OPD: what they show, to whom, and how they fit a phone and a desk."""

import datetime as dt
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from services.reporting.api.pages.board.entry import BOARD
from shared.access import Role
from shared.database import Database
from tests.conftest import drop_database, make_database
from tests.kit import reporting as small
from tests.kit.board_city import FEW, NAMES, NOON, city, counter, days, working_days
from tests.kit.browser import DESK, PHONE, presentable, sign_in, weight, width, window
from tests.kit.piloting import protocol
from tests.kit.reporting import DAY, Running

OPD, OTHER = "DISDUKCAPIL", "DISNAKER"
SCREENS = 3 * 740
"""Three screens of a phone of 360 x 740, in CSS pixels."""
EVENTS_AT_ONCE = 2_000


async def told(running: Running, dates: list[dt.date], *, reports: bool = False) -> None:
    """The city knows what happened on these dates."""
    events = [*city(), *days(dates, reports=reports)]
    for first in range(0, len(events), EVENTS_AT_ONCE):
        await running.fold(*events[first : first + EVENTS_AT_ONCE])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(
    kafka: str,
    postgres: str,
    migrated_template: Callable[[str], Awaitable[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Running]:
    name = f"board_{uuid4().hex[:12]}"
    db = Database(await make_database(postgres, name, template=await migrated_template("reporting")))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(drop_database, postgres, name)
        stack.push_async_callback(db.close)
        folder: Path = tmp_path_factory.mktemp("board")
        running = await stack.enter_async_context(small.running(kafka, db, folder, NOON))
        await told(running, working_days(DAY, 2)[-6:])
        yield running


@asynccontextmanager
async def reader(service: Running, role: Role, opd: str | None = None) -> AsyncGenerator[httpx.AsyncClient]:
    """A browser without script, signed in."""
    async with httpx.AsyncClient(base_url=service.url, timeout=30, headers={"Accept-Language": "id"}) as browser:
        token = service.signer.token(role, uuid4(), opd)
        answer = await browser.post("/reporting/login", data={"token": token})
        assert answer.status_code == 303
        yield browser


async def page_of(service: Running, browser: Browser, size: dict[str, int], path: str = "", **how: object) -> Page:
    context = await window(browser, size, **how)
    page = await sign_in(context, service.url, service.signer.token("bkpsdm"))
    await page.goto(f"{service.url}/reporting/{path}")
    return page


PATHS = (
    "/reporting/",
    f"{BOARD}find?q=loket",
    f"{BOARD}units/{counter(OPD)}",
    f"{BOARD}opds/{OPD}",
    f"{BOARD}opds/{OPD}/course",
    f"{BOARD}opds/{OTHER}",
    f"{BOARD}opds/{OTHER}/course",
    f"{BOARD}course",
)
EVERYONE = [200, 200, 200]
WHO_MAY: dict[Role, list[int]] = {
    "staff": [*EVERYONE, 403, 403, 403, 403, 403],
    "supervisor": [*EVERYONE, 403, 403, 403, 403, 403],
    "opd_admin": [*EVERYONE, 200, 200, 403, 403, 403],
    "bkpsdm": [*EVERYONE, 200, 200, 200, 200, 200],
    "council": [*EVERYONE, 200, 200, 200, 200, 200],
    "auditor": [*EVERYONE, 200, 200, 200, 200, 200],
    "ops": [*EVERYONE, 403, 403, 403, 403, 403],
}


@pytest.mark.parametrize("role", WHO_MAY)
async def test_each_page_opens_to_those_to_whom_its_doors_do(service: Running, role: Role) -> None:
    async with reader(service, role, OPD if role == "opd_admin" else None) as browser:
        pages = [await browser.get(path) for path in PATHS]
        assert [page.status_code for page in pages] == WHO_MAY[role]
        found = (await browser.get(f"{BOARD}find")).text
        listed = set(re.findall(rf'href="{BOARD}opds/([^"?/]+)"', found))
        assert listed == {"opd_admin": {OPD}}.get(role, set(NAMES) if WHO_MAY[role][-1] == 200 else set())
        of_unit = pages[2].text
        assert (f'href="{BOARD}opds/{OPD}"' in of_unit) == (WHO_MAY[role][3] == 200)


async def test_a_stranger_is_led_to_the_sign_in_and_back(service: Running) -> None:
    async with httpx.AsyncClient(base_url=service.url) as browser:
        answer = await browser.get(f"{BOARD}units/{counter(OPD)}")
        there = answer.headers["location"]
        assert answer.status_code == 303
        signed = {"token": service.signer.token("council"), "to": f"{BOARD}units/{counter(OPD)}"}
        assert there == f"/reporting/login?to=%2Freporting%2Fboard%2Funits%2F{counter(OPD)}"
        assert (await browser.post("/reporting/login", data=signed)).headers["location"] == signed["to"]
        for elsewhere in ("/reporting/../attendance/", "//evil.example/reporting/", "/reporting/%2e%2e/"):
            answer = await browser.post("/reporting/login", data=signed | {"to": elsewhere})
            assert answer.headers["location"] == "/reporting/"


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/reporting/?at=kemarin", 422, "tidak dapat dibaca"),
        ("/reporting/?date=2025-13-01", 422, "tidak dapat dibaca"),
        ("/reporting/?date=0001-01-01", 422, "tidak dapat dibaca"),
        ("/reporting/?at=2030-01-01T08:00", 422, "belum terjadi"),
        (f"{BOARD}units/NONE", 404, "Loket ini tidak dikenal"),
        (f"{BOARD}opds/NONE", 404, "OPD ini tidak dikenal"),
        (f"{BOARD}opds/NONE/course", 404, "OPD ini tidak dikenal"),
        (f"{BOARD}find?q=zzz", 200, "Tidak ada yang cocok"),
        (f"{BOARD}units/{counter(OPD)}?date=2024-12-31", 200, "tidak dinilai"),
        (f"{BOARD}opds/{OPD}?date=2025-11-14", 200, NAMES[OPD]),
    ],
)
async def test_what_cannot_be_shown_says_why_and_leads_back(
    service: Running, path: str, status: int, said: str
) -> None:
    async with reader(service, "bkpsdm") as browser:
        page = await browser.get(path)
        assert (page.status_code, said in page.text) == (status, True), page.text
        assert page.headers["content-type"].startswith("text/html")
        assert 'href="/reporting/' in page.text


async def test_the_council_reads_no_figure_of_three_people_and_whatever_their_counter_does(
    service: Running,
) -> None:
    async with reader(service, "council") as council, reader(service, "bkpsdm") as bkpsdm:
        page = (await council.get(f"{BOARD}opds/{FEW}")).text
        assert "<dt>Pegawai</dt><dd>–</dd>" in page
        assert counter(FEW) in page
        course = (await council.get(f"{BOARD}opds/{FEW}/course")).text
        assert "Grafik pagi tidak ditampilkan" in course
        shown = (await bkpsdm.get(f"{BOARD}opds/{FEW}/course")).text
        assert "Grafik pagi tidak ditampilkan" not in shown
        weeks = 'id="pekan-on_time_rate-d">'
        assert re.search(rf"{weeks}–<", course)
        assert re.search(rf"{weeks}Dari 27/10", shown)
        for text in (course, shown):
            assert re.search(r'id="pekan-coverage_attainment-d">Dari ', text)
        city = (await council.get(f"{BOARD}course")).text
        assert re.search(rf"{weeks}Dari 27/10", city)
        assert 'id="pagi-t"' in city


async def test_a_week_is_the_sum_of_its_days_and_a_month_shows_each_as_its_own_page_does(service: Running) -> None:
    async with reader(service, "bkpsdm") as page, service.caller("bkpsdm") as client:
        course = (await page.get(f"{BOARD}opds/{OPD}/course")).text
        met, judged, by_day = 0, 0, dict[dt.date, float]()
        for date in working_days(DAY, 1):
            params = {"date": str(date)}
            (opd,) = [
                one for one in (await client.get("/reporting/v1/opds", params=params)).json()["items"]
                if one["opd_code"] == OPD
            ]  # fmt: skip
            met += opd["duties"]["on_time"]["met"]
            judged += opd["duties"]["on_time"]["n"]
            by_day[date] = opd["coverage"]["attainment"]
    written = f"{100 * met / judged:.1f}%".replace(".", ",")
    rows = course[course.index('id="pekan-on_time_rate-t"') :]
    assert re.search(rf'<th scope="row">3/11</th><td class="num">{written}</td>', rows), (written, rows[:3000])
    for date, attainment in by_day.items():
        share = f"{100 * attainment:.1f}%".replace(".", ",")
        row = rf"{date.day} November 2025</th><td class=\"num\">{share}</td>"
        assert re.search(row, course), (date, share)


async def test_before_and_after_keep_the_moment_and_the_language(service: Running) -> None:
    async with reader(service, "bkpsdm") as browser:
        page = (await browser.get(f"{BOARD}opds/{OPD}?date=2025-11-05&at=2025-11-06T08:00&lang=en")).text
    for date in ("2025-11-04", "2025-11-06"):
        assert re.search(rf'href="{BOARD}opds/{OPD}\?date={date}&amp;at=2025-11-06T08%3A00&amp;lang=en"', page)
    assert "Day before" in page
    assert "Wednesday, 5 November 2025" in page


async def test_the_board_is_short_on_a_phone_and_light_and_shows_all_when_asked(
    service: Running, browser: Browser
) -> None:
    page = await page_of(service, browser, {"width": 360, "height": 740})
    await expect(page.locator("#state-text")).to_have_text("langsung")
    height = await page.evaluate("document.body.scrollHeight")
    assert height <= SCREENS, height
    first = await page.locator("#short li").first.bounding_box()
    assert first is not None
    assert first["y"] + first["height"] < 740
    assert 0 < await weight(page) < 150_000
    rows = page.locator("#opds tr:visible")
    await expect(rows).to_have_count(5)
    await page.get_by_role("link", name="Tampilkan semua 44 OPD").click()
    await expect(rows).to_have_count(44)
    await page.context.close()
    page = await page_of(service, browser, PHONE, java_script_enabled=False)
    await page.get_by_role("link", name="Tampilkan semua 44 OPD").click()
    await expect(page.locator("#opds tr:visible")).to_have_count(44)
    await page.context.close()


async def test_a_search_answers_while_one_types_and_without_script(service: Running, browser: Browser) -> None:
    page = await page_of(service, browser, PHONE)
    await page.get_by_role("searchbox").press_sequentially("tenaga kerja adu")
    await expect(page.locator("#found li")).to_have_count(1)
    await expect(page.locator("#found")).to_contain_text("Loket Pengaduan")
    assert await width(page) == PHONE["width"]
    await page.get_by_role("searchbox").fill("")
    await expect(page.locator("#found li")).to_have_count(0)
    await page.context.close()
    page = await page_of(service, browser, PHONE, java_script_enabled=False)
    await page.get_by_role("searchbox").fill("TENAGA kerja")
    await page.get_by_role("button", name="Cari").click()
    await expect(page.locator("#found li")).to_have_count(4)
    await page.locator("#found").get_by_role("link", name="Loket Pendaftaran").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Loket Pendaftaran")
    await expect(page.locator("svg.chart")).to_have_count(3)
    await page.context.close()


async def test_an_opds_page_takes_in_its_course_where_it_is_scrolled_to(
    service: Running, browser: Browser
) -> None:
    page = await page_of(service, browser, PHONE, f"board/opds/{OPD}")
    await page.locator("#course-h").scroll_into_view_if_needed()
    await expect(page.locator("svg.chart")).to_have_count(10)
    await expect(page.locator("#pagi-d")).to_contain_text("Dari 06.00")
    await page.locator(".chart-figure summary").first.click()
    await expect(page.locator(".chart-table").first).to_contain_text("06.15")
    assert await width(page) == PHONE["width"]
    await page.context.close()


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
async def test_each_page_fits_its_window_and_has_no_finding_of_axe_by_day_and_night(
    service: Running, browser: Browser, size: dict[str, int]
) -> None:
    page = await page_of(service, browser, size)
    for path in ("", "board/find", f"board/opds/{OPD}", f"board/opds/{OPD}/course", f"board/units/{counter(OPD)}"):
        await page.goto(f"{service.url}/reporting/{path}")
        assert await presentable(page, size) == [], path
    await page.context.close()


async def test_the_board_names_the_trials_to_those_who_may_read_them(service: Running) -> None:
    given = protocol(
        treated=[*NAMES][:6],
        control=[*NAMES][6:12],
        baseline={"from": "2025-10-30", "to": "2025-11-05"},
        trial={"from": "2025-11-10", "to": "2025-11-21"},
    )
    async with service.caller("bkpsdm", uuid4()) as officer:
        answer = await officer.post("/reporting/v1/pilots", json=given)
        assert answer.status_code in (200, 201), answer.text
    link = f'href="/reporting/desk/pilots/{given["pilot_id"]}"'
    may_see: dict[Role, bool] = {"council": True, "bkpsdm": True, "opd_admin": False, "staff": False}
    for role, seen in may_see.items():
        async with reader(service, role, OPD if role == "opd_admin" else None) as browser:
            page = (await browser.get("/reporting/")).text
            assert (link in page) is seen, role
            assert ("Senin, 10 November 2025" in page) is seen, role
