"""Officers add other systems at the desk, in a real browser."""

import pytest
from playwright.async_api import expect

from tests.e2e.test_desk import evening
from tests.kit.browser import PHONE, presentable
from tests.kit.evening import Evening
from tests.kit.subscribing import PUBLIC

__all__ = ["evening"]

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_another_system_is_added_its_secret_shown_once_changed_and_it_is_removed(evening: Evening) -> None:
    page = await evening.page("subscriptions", PHONE, "bkpsdm")
    await page.get_by_role("heading", name="Tambah langganan").click()
    add = page.locator("form[data-door='POST /notifications/v1/subscriptions']")
    await add.get_by_label("Sistem atau kantor siapa").fill("Papan pelayanan kota")
    await add.get_by_label("Alamat").fill("https://10.0.0.7/hook")
    await add.get_by_label("Jenis pesan").select_option(["counter.short", "counter.met"])
    await add.get_by_label("Alasan").fill("Permintaan Diskominfo.")
    await add.get_by_role("button", name="Tambah langganan").click()
    await expect(add.locator(".wrong[data-of=address]")).to_contain_text("tidak terbuka untuk umum")
    await add.get_by_label("Alamat").fill(PUBLIC)
    await add.get_by_role("button", name="Tambah langganan").click()
    shown = page.locator("#secret code")
    await expect(shown).to_contain_text("whsec_")
    first = await shown.inner_text()
    assert await presentable(page, PHONE) == []
    row = page.locator("#subscriptions > [data-into] > li")
    await expect(row).to_contain_text("Papan pelayanan kota")
    follow = row.locator("form[data-door$='/topics']")
    await row.get_by_text("Topik yang diikuti").first.click()
    await expect(row.get_by_text("Tidak mengikuti topik apa pun.")).to_be_visible()
    await follow.get_by_label("Semua topik").select_option(["coverage.changed.v1", "attendance.recorded.v1"])
    await follow.get_by_label("Topik baru mulai dari peristiwa tertua").check()
    await follow.get_by_label("Alasan").fill("Permintaan Diskominfo.")
    assert await presentable(page, PHONE) == []
    await follow.get_by_role("button", name="Simpan topik").click()
    told = row.locator("p", has_text="Topik yang diikuti: ")
    await expect(told).to_contain_text("attendance.recorded.v1, coverage.changed.v1")
    await row.locator("summary", has_text="Topik yang diikuti").click()
    await expect(row.locator("section[data-list$='/topics'] li")).to_have_count(2)
    chosen = follow.locator("option:checked")  # what it follows is chosen when the form opens again
    await expect(chosen).to_have_text(["coverage.changed.v1", "attendance.recorded.v1"])
    await follow.get_by_label("Semua topik").select_option("coverage.changed.v1")
    await follow.get_by_label("Alasan").fill("Cukup loket.")
    await follow.get_by_role("button", name="Simpan topik").click()
    await expect(told).to_have_text("Topik yang diikuti: coverage.changed.v1")
    await row.locator("summary", has_text="Topik yang diikuti").click()
    await follow.get_by_label("Semua topik").select_option([])
    await follow.get_by_label("Alasan").fill("Berhenti dahulu.")
    await follow.get_by_role("button", name="Simpan topik").click()
    await expect(told).to_have_count(0)
    await row.get_by_text("Ganti kunci rahasia").click()
    make = row.locator("form[data-door$='/secrets']")
    await make.get_by_label("Alasan").fill("Berganti petugas.")
    await make.get_by_role("button", name="Buat kunci baru").click()
    await expect(shown).not_to_have_text(first)
    retire = row.locator("form[data-door$='/retirement']")
    await expect(retire).to_have_count(2)  # the list is drawn anew
    await row.get_by_text("Ganti kunci rahasia").click()
    await retire.first.get_by_label("Alasan").fill("Sudah dipasang.")
    await retire.first.get_by_role("button", name="Cabut kunci").click()
    await expect(retire).to_have_count(1)
    await row.get_by_text("Pengiriman terakhir").click()
    await expect(row.locator("section [data-none]")).to_be_visible()
    await row.get_by_text("Hentikan, mulai lagi, atau hapus").click()
    end = row.locator("form[data-door$='/stop']")
    await end.get_by_label("Alasan").fill("Sistem diganti.")
    await end.get_by_role("button", name="Hapus").click()
    await expect(page.locator("#subscriptions > [data-none]")).to_be_visible()
    await page.context.close()
