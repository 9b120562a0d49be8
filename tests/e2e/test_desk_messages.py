"""The page of the rules of messages in a real browser."""

from playwright.async_api import expect

from tests.e2e.test_desk import evening
from tests.kit.browser import PHONE
from tests.kit.evening import Evening

__all__ = ["evening"]


async def test_a_rule_of_messages_is_changed_read_in_words_and_taken_back(evening: Evening) -> None:
    page = await evening.page("messages", PHONE, "bkpsdm")
    row = page.locator("[data-kind='counter.short']")
    await expect(row).to_contain_text("Sesudah 10 menit: kepala OPD")
    await row.get_by_text("Ubah aturan").click()
    first = row.get_by_label("Menit sampai langkah 1")
    assert await row.get_by_label("Penerima", exact=True).evaluate(
        "it => [...it.selectedOptions].map(o => o.value)"
    ) == [
        "unit_head",
        "subscriber",
    ]
    await first.fill("40")  # later than the second step
    await row.locator("form[data-door^=PUT] textarea").fill("Uji coba loket.")
    await row.get_by_role("button", name="Simpan").click()
    await expect(row.locator("p.wrong[data-of='escalate.1.after_minutes']")).to_contain_text("lebih lambat")
    await first.fill("15")
    await row.get_by_role("button", name="Simpan").click()
    await expect(row).to_contain_text("Sesudah 15 menit: kepala OPD")
    await expect(row).to_contain_text("diubah")
    await row.get_by_text("Riwayat").click()
    await expect(row).to_contain_text("Uji coba loket.")
    await row.get_by_text("Kembalikan ke bawaan").first.click()
    await row.locator("form[data-door$=shipped] textarea").fill("Selesai.")
    await row.get_by_role("button", name="Kembalikan ke bawaan").click()
    await expect(row).to_contain_text("Sesudah 10 menit: kepala OPD")
    await page.context.close()
