"""The pages of staff: that they fit, can be read by everybody, are small, and do what they say."""

import datetime as dt
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect

from shared.access import ROLES, Role
from tests.kit.browser import DESK, PHONE, findings, weight, width
from tests.kit.phone import TOMORROW, Town, phone_of
from tests.kit.pictures import photo
from tests.kit.reporting import DAY, OPD

ITEM = {"task": "Menyusun arsip", "quantity": 2, "unit": "bundel"}
PAGES = (
    *("", "offline", "me/", "inbox/", "requests/", "swaps/", "days/", f"days/{DAY}", f"days/{TOMORROW}"),
    *(f"report/{DAY}", f"intention/{TOMORROW}"),
)


async def opened(page: Page, address: str) -> None:
    """The page, once it has asked for what it shows. An open inbox goes on listening."""
    await page.goto(address)
    if address.endswith("/inbox/"):
        await page.wait_for_selector("body[data-followed=yes]")
    else:
        await page.wait_for_load_state("networkidle")


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_fits_and_axe_finds_nothing(
    town: Town, browser: Browser, someone: UUID, size: dict[str, int], scheme: str
) -> None:
    context, page = await phone_of(browser, town, someone, size=size, color_scheme=scheme)
    found: dict[str, list[str]] = {}
    for path in PAGES:
        await opened(page, f"{town.url}/reporting/app/{path}")
        found[path] = await findings(page)
        assert await width(page) == size["width"], path
    assert {path: wrong for path, wrong in found.items() if wrong} == {}
    await context.close()


async def test_the_first_view_is_small(town: Town, browser: Browser, someone: UUID) -> None:
    context, page = await phone_of(browser, town, someone)
    for path in PAGES:
        await opened(page, f"{town.url}/reporting/app/{path}")
        assert 10_000 < await weight(page) <= 150_000, path
    await context.close()


async def test_a_yes_to_a_swap_is_said_once_and_the_list_is_read_again(
    town: Town, browser: Browser, someone: UUID
) -> None:
    """The doors of swaps are played: whom they let, their own tests say."""
    context, page = await phone_of(browser, town, someone)
    swap = {"swap_id": "s-1", "asker_id": str(UUID(int=1)), "partner_id": str(someone), "status": "asked"}
    swap |= {"asker_date": str(DAY), "partner_date": str(TOMORROW)}
    asked: list[str] = []

    async def door(route: Route) -> None:
        asked.append(f"{route.request.method} {route.request.url.split('/v1/')[1].partition('?')[0]}")
        if route.request.method == "POST":
            swap["status"] = "agreed"
        items = [swap] if route.request.url.endswith("/me/swaps") else []
        await route.fulfill(json={"items": items, "next": None})

    await context.route("**/scheduling/v1/**swaps**", door)
    await page.goto(f"{town.url}/reporting/app/swaps/")
    agree = page.get_by_role("button", name="Setuju")
    await expect(agree).to_be_visible()
    asked.clear()
    await agree.dblclick()
    await expect(agree).to_be_hidden()
    await page.wait_for_load_state("networkidle")
    assert asked == ["POST swaps/s-1/agree", "GET me/swaps"]
    await context.close()


async def test_one_kind_is_turned_off_by_one_channel_and_what_does_nothing_is_not_offered(
    town: Town, browser: Browser, someone: UUID
) -> None:
    """The door is played, as a city has it that sends e-mail and no pushes: what it answers, its own tests say."""
    context, page = await phone_of(browser, town, someone)
    titles = {"inbox": "Kotak masuk", "email": "Surel", "push": "Notifikasi ponsel"}
    on = {"on": True, "fixed": False, "why": None, "available": True}
    inbox = {**on, "channel": "inbox"}
    email = {**on, "channel": "email"}
    push = {**on, "channel": "push", "available": False}
    fixed = {**inbox, "fixed": True, "why": "Selalu masuk."}
    shown: dict[str, Any] = {
        "language": None,
        "muted_channels": ["push"],
        "muted_kinds": ["counter.short"],
        "muted": [{"kind": "report.returned", "channel": "push"}],
        "channels": [
            {"channel": one, "title": title, "available": one != "push", "why": None, "addresses": []}
            for one, title in titles.items()
        ],
        "kinds": [
            {"kind": "schedule.changed", "title": "Jadwal", "for_you": True, "channels": [inbox, email, push]},
            {"kind": "report.returned", "title": "Laporan", "for_you": True, "channels": [fixed, email, push]},
            {"kind": "duty.unknown", "title": "Penilaian", "for_you": True, "channels": [inbox]},
            {"kind": "counter.short", "title": "Loket", "for_you": False, "channels": [inbox]},
        ],
    }
    shown["channels"][2]["why"] = "Kota belum menyalakan notifikasi ponsel."
    shown["channels"][1]["addresses"] = ["s…@contoh.go.id"]
    sent: list[Any] = []

    async def door(route: Route) -> None:
        if route.request.method == "PUT":
            sent.append(route.request.post_data_json)
        await route.fulfill(json=shown)

    await context.route("**/notifications/v1/me/preferences", door)
    await page.goto(f"{town.url}/reporting/app/me/")
    schedule = page.get_by_role("group", name="Jadwal")
    await expect(schedule.get_by_role("checkbox")).to_have_count(2)
    await expect(page.get_by_role("group", name="Loket")).to_have_count(0)
    await expect(page.get_by_text("Kota belum menyalakan notifikasi ponsel.")).to_be_visible()
    await expect(page.get_by_text("s…@contoh.go.id")).to_be_visible()
    report = page.get_by_role("group", name="Laporan")
    await expect(report.get_by_role("checkbox", name="Kotak masuk")).to_be_disabled()
    await expect(report.get_by_role("checkbox", name="Kotak masuk")).to_have_accessible_description(
        "Selalu masuk."
    )
    assert await findings(page) == []
    assert await width(page) == PHONE["width"]
    await schedule.get_by_label("Surel").uncheck()
    await page.get_by_role("group", name="Penilaian").get_by_label("Kotak masuk").uncheck()
    await page.get_by_role("button", name="Simpan").click()
    await expect(page.locator("#preferences [data-said]")).to_have_text("Tersimpan.")
    assert sent == [
        {
            "language": None,
            "muted_channels": ["push"],
            "muted_kinds": ["counter.short", "duty.unknown"],
            "muted": [
                {"kind": "schedule.changed", "channel": "email"},
                {"kind": "report.returned", "channel": "push"},
            ],
        }
    ]
    await context.close()


TASKS = """task_code,name,unit,norm_minutes,opd_code,effective_from,active
K-1,Cetak KTP-el,keping,5,,2025-01-01,true
K-2,Legalisasi berkas,berkas,10,,2025-01-01,true
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def catalogue(town: Town) -> None:
    headers = town.city.headers("bkpsdm") | {"content-type": "text/csv"}
    answer = await town.city.client.post("/reporting/v1/catalogue/imports", content=TASKS, headers=headers)
    assert answer.status_code < 300, answer.text


async def report_of(town: Town, who: UUID, what: str = "") -> httpx.Response:
    headers = town.city.signer.headers("staff", who)
    return await town.city.client.get(f"/reporting/v1/me/reports/{DAY}{what}", headers=headers)


@pytest.mark.usefixtures("catalogue")
async def test_a_report_is_written_with_the_catalogue_a_photo_and_a_draft(
    town: Town, browser: Browser, someone: UUID
) -> None:
    context, page = await phone_of(browser, town, someone)
    await page.get_by_role("link", name="Laporan", exact=True).click()
    first = page.locator(".item").first
    await first.get_by_role("combobox", name="Pekerjaan").press_sequentially("cetak")
    await page.get_by_role("option", name="Cetak KTP-el").click()
    await expect(first.get_by_label("Satuan")).to_have_value("keping")
    await first.get_by_label("Jumlah").fill("12,5")
    await first.locator("[data-file]").set_input_files(
        {"name": "loket.png", "mimeType": "image/png", "buffer": photo("PNG", (3000, 1500))}
    )
    await expect(first.locator("[data-photos] li")).to_have_count(1)
    await page.get_by_role("button", name="Tambah butir").click()
    second = page.locator(".item").nth(1)
    await second.get_by_role("combobox", name="Pekerjaan").fill("Menjawab telepon warga")
    await second.get_by_label("Satuan").fill("panggilan")
    await expect(page.locator("#saved")).to_contain_text("Konsep tersimpan")
    await page.get_by_role("button", name="Kirim laporan").click()
    await expect(second).to_contain_text("Isi bagian ini.")
    await expect(second.get_by_label("Jumlah")).to_be_focused()
    await second.get_by_label("Jumlah").fill("7")
    await page.get_by_role("button", name="Kirim laporan").click()
    await expect(page.locator("main")).to_contain_text("Menunggu atasan")
    items = (await report_of(town, someone)).json()["items"]
    assert [(one["task_code"], one["quantity"], one["unit"]) for one in items] == [
        ("K-1", 12.5, "keping"),
        (None, 7, "panggilan"),
    ]
    [file] = (await report_of(town, someone, "/evidence")).json()["items"]
    assert items[0]["evidence"] == [file["evidence_id"]]
    assert (file["width"], file["height"], file["media_type"]) == (2560, 1280, "image/jpeg")
    assert (await report_of(town, someone, "/draft")).status_code == 404
    await context.close()


async def test_two_tabs_that_write_one_draft_are_asked_which_stays(
    town: Town, browser: Browser, someone: UUID
) -> None:
    context, page = await phone_of(browser, town, someone)
    address = f"{town.url}/reporting/app/report/{DAY}"
    await page.goto(address)
    other = await context.new_page()
    await other.goto(address)
    await other.get_by_role("combobox", name="Pekerjaan").fill("Dari tab kedua")
    await expect(other.locator("#saved")).to_contain_text("Konsep tersimpan")
    await page.bring_to_front()
    await page.get_by_role("combobox", name="Pekerjaan").fill("Dari tab pertama")
    await expect(page.locator("#conflict")).to_contain_text("juga ditulis di tempat lain")
    assert (await report_of(town, someone, "/draft")).json()["items"][0]["task"] == "Dari tab kedua"
    await page.get_by_role("button", name="Pakai yang di sini").click()
    await expect(page.locator("#saved")).to_contain_text("Konsep tersimpan")
    assert (await report_of(town, someone, "/draft")).json()["items"][0]["task"] == "Dari tab pertama"
    # What cannot be saved stays on the phone, through a closed tab.
    await context.set_offline(True)
    await page.get_by_label("Jumlah").fill("3")
    await expect(page.locator("#saved")).to_contain_text("tersimpan di ponsel ini")
    await context.set_offline(False)
    await page.close()
    page = await context.new_page()
    await page.goto(address)
    await expect(page.get_by_label("Jumlah")).to_have_value("3")
    await expect(page.locator("#saved")).to_contain_text("Konsep tersimpan")
    await context.close()


async def test_a_returned_report_says_why_and_is_handed_in_again(
    town: Town, browser: Browser, someone: UUID
) -> None:
    headers = town.city.signer.headers("staff", someone)
    path = f"/reporting/v1/me/reports/{DAY - dt.timedelta(days=1)}"
    await town.city.client.put(path, json={"items": [ITEM]}, headers=headers)
    handed = await town.city.client.put(f"/reporting/v1/me/reports/{DAY}", json={"items": [ITEM]}, headers=headers)
    async with town.city.apps["reporting"].state.service.db.read() as tx:
        boss = await tx.connection.fetchval(
            "select supervisor_id from fact_employee where employee_id = $1", someone
        )
    decision = {"revision": 1, "decision": "returned", "note": "Jumlahnya belum benar."}
    answer = await town.city.client.post(
        f"/reporting/v1/reports/{handed.json()['report_id']}/reviews",
        json=decision,
        headers=town.city.signer.headers("supervisor", boss),
    )
    assert answer.status_code == 201, answer.text
    context, page = await phone_of(browser, town, someone)
    await expect(page.locator("#due")).to_contain_text("Jumlahnya belum benar.")
    await page.get_by_role("link", name="Laporan dikembalikan").click()
    await page.locator(".item").first.get_by_label("Jumlah").fill("4")
    await page.get_by_role("button", name="Salin laporan sebelumnya").click()
    await expect(page.locator(".item")).to_have_count(2)
    await page.get_by_role("button", name="Kirim laporan").click()
    await expect(page.locator("main")).to_contain_text("Menunggu atasan")
    shown = (await report_of(town, someone)).json()
    assert (shown["revision"], [one["quantity"] for one in shown["items"]]) == (2, [4, 2])
    await context.close()


async def test_an_intention_is_said_for_a_day_at_home(town: Town, browser: Browser, someone: UUID) -> None:
    context, page = await phone_of(browser, town, someone)
    await page.get_by_role("link", name="Tulis rencana").first.click()
    await page.get_by_role("combobox", name="Pekerjaan").fill("Menyusun laporan bulanan")
    await page.get_by_role("button", name="Simpan rencana").click()
    await expect(page.locator("#editor")).to_contain_text("Rencana tersimpan.")
    headers = town.city.signer.headers("staff", someone)
    said = await town.city.client.get(f"/reporting/v1/me/intentions/{TOMORROW}", headers=headers)
    assert [one["task"] for one in said.json()["items"]] == ["Menyusun laporan bulanan"]
    await context.close()


async def test_a_month_leads_to_the_reasons_of_a_day_without_script(
    town: Town, browser: Browser, someone: UUID
) -> None:
    context, page = await phone_of(browser, town, someone, java_script_enabled=False)
    await page.get_by_role("link", name="Hari saya").click()
    await page.get_by_role("link", name="Kamis, 6 November 2025").first.click()
    await expect(page.locator("main")).to_contain_text("Belum masuk; batasnya 07.30.00.")
    await page.goto(f"{town.url}/reporting/app/days/?month=2025-12")
    await expect(page.locator("main")).to_contain_text("Desember 2025")
    await page.goto(f"{town.url}/reporting/app/")
    # Chromium draws no <noscript> where it is merely told to run nothing.
    assert "memerlukan JavaScript" in await page.content()
    await context.close()


async def test_a_missed_record_is_asked_for_once_and_can_be_withdrawn(
    town: Town, browser: Browser, someone: UUID
) -> None:
    context, page = await phone_of(browser, town, someone)
    await page.get_by_role("link", name="Pengajuan").click()
    await page.get_by_text("Catatan yang terlewat").click()
    form = page.locator("form[data-kind=missed_punch]")
    await form.get_by_label("Tanggal").fill("2025-11-05")
    await form.get_by_label("Alasan").fill("Lupa, ada warga di loket.")
    await form.get_by_role("button", name="Kirim pengajuan").click()
    await expect(form).to_contain_text("Isi jam masuk")
    await form.get_by_label("Masuk").fill("07:24")
    await form.get_by_role("button", name="Kirim pengajuan").dblclick()
    await expect(page.locator("#asked li")).to_have_count(1)
    await expect(page.locator("#asked")).to_contain_text("Masuk 07.24.00")
    await page.get_by_role("button", name="Tarik pengajuan").click()
    await expect(page.locator("#asked")).to_contain_text("ditarik")
    await context.close()


async def test_nobody_else_reads_these_pages(town: Town, browser: Browser, someone: UUID) -> None:
    """The pages by role: whoever is a person sees their own, an office is told why, a stranger signs in."""
    for role in ROLES:
        for subject, status in ((someone, 200), (None, 403)):
            session = await session_of(town, role, subject)
            async with httpx.AsyncClient(base_url=town.url, cookies=session) as reader:
                for path in PAGES:
                    answer = await reader.get(f"/reporting/app/{path}")
                    wanted = 200 if path == "offline" else status
                    assert answer.status_code == wanted, (role, subject, path)
    session = await session_of(town, "staff", someone)
    async with httpx.AsyncClient(base_url=town.url, cookies=session) as reader:
        for path in ("days/?month=1900-01", "days/?month=2999-12", "days/1900-01-01", "days/2999-12-31"):
            assert (await reader.get(f"/reporting/app/{path}")).status_code == 200, path
        for path in ("days/?month=0000-05", "days/?month=2025-13", "days/2025-02-30", "report/x", "inbox/?x=1"):
            assert (await reader.get(f"/reporting/app/{path}")).status_code == 422, path
    async with httpx.AsyncClient(base_url=town.url) as stranger:
        for path in PAGES:
            answer = await stranger.get(f"/reporting/app/{path}")
            if path != "offline":
                assert answer.headers["location"].startswith("/reporting/login?to=%2Freporting%2Fapp%2F"), path


async def session_of(town: Town, role: Role, subject: UUID | None) -> httpx.Cookies:
    token = town.city.signer.token(role, subject, OPD if role == "opd_admin" else None)
    async with httpx.AsyncClient(base_url=town.url) as browser:
        await browser.post("/reporting/login", data={"token": token})
        return browser.cookies
