"""Checking in and out with a phone: with a network and without, hasty fingers, two tabs, another's phone."""

import datetime as dt
from collections.abc import Callable
from uuid import UUID, uuid4

from playwright.async_api import Browser, Page, Route, expect

from tests.kit.phone import NOW, Town, clerk, phone_of, punches, signed_in
from tests.kit.reporting import at


async def test_a_check_in_takes_one_tap_on_the_open_app(
    town: Town, browser: Browser, someone: UUID, record_property: Callable[[str, object], None]
) -> None:
    context, page = await phone_of(browser, town, someone)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Bekerja di kantor (WFO)")
    await expect(page.locator("#position")).to_contain_text("8 m")
    await page.reload()
    await page.get_by_role("button", name="Masuk").click()
    await expect(page.locator("#said")).to_contain_text("Masuk tercatat pukul 07.20.00 (di kantor).")
    took = await page.evaluate("performance.getEntriesByName('hadir:stored')[0].startTime")
    record_property("from opening the app to a stored check-in, ms", round(took))
    [kept] = await punches(town, someone)
    assert (kept["kind"], kept["source"], kept["zone"], kept["at"]) == ("in", "app", "office", NOW)
    await town.tell()
    await expect(page.locator("#due")).to_contain_text("Pulang")
    await expect(page.locator("#states")).to_contain_text("Masuk pukul 07.20.00, tidak lewat batas 07.30.00.")
    await context.close()


async def test_taps_without_a_network_wait_and_are_handed_over_once_in_order(
    town: Town, browser: Browser, someone: UUID
) -> None:
    context, page = await phone_of(browser, town, someone)
    await page.evaluate("navigator.serviceWorker.ready")
    await context.set_offline(True)
    await page.goto(f"{town.url}/reporting/app/")  # opened without a network: by the worker
    await expect(page.get_by_role("heading", level=1)).to_have_text("Tanpa sambungan")
    await expect(page.locator("#plans")).to_contain_text("Jumat, 7 November 2025")
    await page.get_by_role("button", name="Masuk").click()
    await expect(page.locator("#said")).to_contain_text("Tersimpan di ponsel ini")
    await page.get_by_role("button", name="Pulang").click()
    await expect(page.locator("#waiting li")).to_have_count(2)
    await expect(page.locator("#state-text")).to_have_text("2 catatan belum terkirim")
    assert await punches(town, someone) == []
    await page.close()  # a closed tab loses nothing
    town.clock.set(at("07:25"))
    await context.set_offline(False)
    page = await context.new_page()
    await page.goto(f"{town.url}/reporting/app/")
    await expect(page.locator("#recorded li")).to_have_count(2)
    await expect(page.locator("#waiting li")).to_have_count(0)
    kept = await punches(town, someone)
    assert [(one["kind"], one["source"], one["time_trust"]) for one in kept] == [
        ("in", "offline", "unverified"),
        ("out", "offline", "unverified"),
    ]
    assert all(one["at"] < at("07:25") for one in kept)
    await page.reload()
    await expect(page.locator("#recorded li")).to_have_count(2)
    assert await punches(town, someone) == kept
    await context.close()


async def test_hasty_fingers_and_two_tabs_make_one_punch(town: Town, browser: Browser, someone: UUID) -> None:
    context, page = await phone_of(browser, town, someone)
    other = await context.new_page()
    await other.goto(f"{town.url}/reporting/app/")
    button = page.get_by_role("button", name="Masuk")
    await expect(button).to_be_enabled()
    await button.dblclick()
    await expect(page.locator("#said")).to_contain_text("Masuk tercatat")
    await other.bring_to_front()
    # What this tab shows of the other one's punch came by no reload.
    await expect(other.locator("#recorded li")).to_have_count(1)
    await other.evaluate("document.querySelector('#recorded').replaceChildren()")
    await other.get_by_role("button", name="Masuk").click()
    await expect(other.locator("#said")).to_contain_text("Masuk tercatat pukul 07.20.00")
    assert len(await punches(town, someone)) == 1
    # Meant: a second one is asked for in so many words.
    await page.reload()
    await page.get_by_role("button", name="Masuk").click()
    await expect(page.locator("#again")).to_contain_text("sudah tercatat masuk")
    await page.get_by_role("button", name="Ya, catat lagi").click()
    await expect(page.locator("#said")).to_contain_text("Masuk tercatat")
    assert len(await punches(town, someone)) == 2
    await context.close()


async def test_an_answer_that_was_lost_is_asked_for_again_and_nothing_is_doubled(
    town: Town, browser: Browser, someone: UUID
) -> None:
    context, page = await phone_of(browser, town, someone)

    async def lose(route: Route) -> None:
        await route.fetch()  # it arrives
        await route.abort("connectionreset")  # and the answer does not

    await page.route("**/attendance/v1/punches", lose)
    await page.get_by_role("button", name="Masuk").click()
    await expect(page.locator("#recorded li")).to_have_count(1)
    [kept] = await punches(town, someone)
    assert (kept["source"], kept["time_trust"]) == ("app", "server")
    await context.close()


async def kept_by(page: Page) -> dict[str, int]:
    """How many records the phone keeps, by store."""
    return await page.evaluate(
        """new Promise((done) => {
          indexedDB.open("hadir").onsuccess = async ({ target: { result: db } }) => {
            const counts = {};
            for (const name of db.objectStoreNames) {
              const count = db.transaction(name).objectStore(name).count();
              counts[name] = await new Promise((go) => { count.onsuccess = () => go(count.result); });
            }
            db.close();
            done(counts);
          };
        })"""
    )


async def test_somebody_else_on_the_same_phone_neither_sees_nor_sends_what_waits(
    town: Town, browser: Browser, someone: UUID
) -> None:
    colleague = await clerk(town)
    context, page = await phone_of(browser, town, someone)
    await context.route("**/attendance/v1/punches**", lambda route: route.abort())
    await page.get_by_role("button", name="Masuk").click()
    await expect(page.locator("#waiting li")).to_have_count(1)
    await page.get_by_role("link", name="Akun").click()
    page.once("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name="Keluar").click()
    await page.wait_for_url(f"{town.url}/reporting/")
    assert await kept_by(page) == {"me": 0, "receipts": 0, "drafts": 0, "punches": 1}
    await context.unroute("**/attendance/v1/punches**")
    await signed_in(page, await town.link("staff", colleague))
    await page.wait_for_url(f"{town.url}/reporting/app/")
    await expect(page.locator("#state-text")).to_have_text("terhubung")
    await expect(page.locator("#waiting li")).to_have_count(0)
    assert await punches(town, colleague) == await punches(town, someone) == []
    await signed_in(page, await town.link("staff", someone))
    await expect(page.locator("#recorded li")).to_have_count(1)
    assert len(await punches(town, someone)) == 1
    await context.close()


async def test_a_tab_of_somebody_who_is_no_longer_signed_in_records_in_nobodys_name(
    town: Town, browser: Browser, someone: UUID
) -> None:
    colleague = await clerk(town)
    context, page = await phone_of(browser, town, someone)
    await signed_in(await context.new_page(), await town.link("staff", colleague))
    await page.bring_to_front()
    await page.evaluate("performance.now = () => 1e9")  # the token that it has in memory is too old
    await page.get_by_role("button", name="Masuk").click()
    await expect(page.locator("#said")).to_contain_text("Orang lain sedang masuk")
    assert await punches(town, colleague) == await punches(town, someone) == []
    await context.close()


async def test_a_wrong_clock_is_told_and_costs_nothing(town: Town, browser: Browser, someone: UUID) -> None:
    context, page = await phone_of(browser, town, someone, ahead_ms=2 * 3600 * 1000)
    await expect(page.locator("#clock")).to_contain_text("berbeda 120 menit")
    await page.get_by_role("button", name="Masuk").click()
    await expect(page.locator("#said")).to_contain_text("Masuk tercatat pukul 07.20.00")
    [kept] = await punches(town, someone)
    assert (kept["at"], kept["time_trust"]) == (NOW, "server")
    assert kept["device_at"] - NOW >= dt.timedelta(hours=1, minutes=59)
    await context.close()


async def test_without_a_position_a_check_in_goes_on_and_says_so(
    town: Town, browser: Browser, someone: UUID
) -> None:
    context, page = await phone_of(browser, town, someone, position=False)
    await expect(page.locator("#position")).to_contain_text("tidak diizinkan")
    await page.get_by_role("button", name="Masuk").click()
    await expect(page.locator("#said")).to_contain_text("Tanpa posisi")
    assert [one["zone"] for one in await punches(town, someone)] == ["unknown"]
    await context.close()


async def test_a_refused_punch_says_why_and_what_to_do(town: Town, browser: Browser) -> None:
    stranger = uuid4()  # signed in, and in no directory
    context, page = await phone_of(browser, town, stranger)
    await page.get_by_role("button", name="Masuk").click()
    await expect(page.locator("#waiting")).to_contain_text("Tidak diterima:")
    await page.get_by_role("button", name="Hapus dari daftar").click()
    await expect(page.locator("#waiting li")).to_have_count(0)
    await context.close()


async def test_a_phone_that_is_full_still_checks_in(town: Town, browser: Browser, someone: UUID) -> None:
    context, page = await phone_of(browser, town, someone)
    full = "void (IDBObjectStore.prototype.add = () => { throw new DOMException('', 'QuotaExceededError'); })"
    await page.evaluate(full)
    await page.get_by_role("button", name="Masuk").click()
    await expect(page.locator("#said")).to_contain_text("Masuk tercatat")
    await page.reload()
    await page.evaluate(full)
    await context.set_offline(True)
    await page.get_by_role("button", name="Pulang").click()
    await expect(page.locator("#said")).to_contain_text("jangan tutup halaman ini")
    await context.set_offline(False)
    await expect(page.locator("#said")).to_be_visible()
    await expect(page.locator("#waiting li")).to_have_count(0)
    assert {one["kind"] for one in await punches(town, someone)} == {"in", "out"}
    await context.close()
