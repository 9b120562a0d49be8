"""Officers add other systems at the desk, in a real browser."""

import pytest
from playwright.async_api import expect

from shared.service import Service
from tests.e2e.test_desk import evening
from tests.kit.browser import PHONE, presentable
from tests.kit.evening import Evening
from tests.kit.subscribing import PUBLIC

__all__ = ["evening"]

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def with_kafka(evening: Evening, kafka: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a topic ends is asked of a Kafka; the evening's services have none."""
    service: Service = evening.city.apps["notifications"].state.service
    monkeypatch.setattr(service, "settings", service.settings.model_copy(update={"kafka_bootstrap": kafka}))


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
    await expect(row.locator("section[data-list*='/deliveries'] [data-none]")).to_be_visible()
    await row.get_by_text("Hentikan, mulai lagi, atau hapus").click()
    end = row.locator("form[data-door$='/stop']")
    await end.get_by_label("Alasan").fill("Sistem diganti.")
    await end.get_by_role("button", name="Hapus").click()
    await expect(page.locator("#subscriptions > [data-none]")).to_be_visible()
    await page.context.close()


@pytest.mark.usefixtures("with_kafka")
async def test_the_topics_that_a_webhook_follows_are_shown_and_changed(evening: Evening) -> None:
    page = await evening.page("subscriptions", PHONE, "bkpsdm")
    await page.get_by_role("heading", name="Tambah langganan").click()
    add = page.locator("form[data-door='POST /notifications/v1/subscriptions']")
    await add.get_by_label("Sistem atau kantor siapa").fill("Sistem gaji kota")
    await add.get_by_label("Alamat").fill(PUBLIC)
    await add.get_by_label("Jenis pesan").select_option("outage.declared")
    await add.get_by_label("Alasan").fill("Permintaan BPKAD.")
    await add.get_by_role("button", name="Tambah langganan").click()
    row = page.locator("#subscriptions > [data-into] > li", has_text="Sistem gaji kota")
    opens = row.locator("summary", has_text="Topik yang diikuti")
    follow, told = row.locator("form[data-door$='/topics']"), row.locator("p", has_text="Topik yang diikuti: ")
    listed = row.locator("section[data-list$='/topics']")
    await opens.click()
    await expect(listed.locator("[data-none]")).to_have_text("Tidak mengikuti topik apa pun.")
    await expect(follow.get_by_label("Topik baru mulai dari peristiwa tertua")).to_be_visible()
    topics = follow.get_by_label("Semua topik yang diikuti")
    await topics.select_option(["coverage.changed.v1", "attendance.recorded.v1"])
    await follow.get_by_label("Alasan").fill("Permintaan BPKAD.")
    assert await presentable(page, PHONE) == []
    await follow.get_by_role("button", name="Simpan topik").click()
    await expect(told).to_have_text("Topik yang diikuti: attendance.recorded.v1, coverage.changed.v1")
    await opens.click()
    await expect(listed.locator("li")).to_have_count(2)
    # What it follows is chosen when the form opens again.
    chosen = ["coverage.changed.v1", "attendance.recorded.v1"]
    await expect(follow.locator("option:checked")).to_have_text(chosen)
    await topics.select_option("coverage.changed.v1")
    await follow.get_by_label("Alasan").fill("Cukup loket.")
    await follow.get_by_role("button", name="Simpan topik").click()
    await expect(told).to_have_text("Topik yang diikuti: coverage.changed.v1")
    await opens.click()
    await topics.select_option([])
    await follow.get_by_label("Alasan").fill("Berhenti dahulu.")
    await follow.get_by_role("button", name="Simpan topik").click()
    await expect(told).to_have_count(0)
    await page.context.close()
