"""The pages of officers in a real browser, at the size of a phone and of a desk."""

from collections.abc import AsyncIterator
from urllib.parse import urlencode
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from playwright.async_api import FilePayload, Page, expect

from services.attendance.tasks import flags
from shared.access import Role
from shared.clock import FixedClock
from tests.kit import reporting as small
from tests.kit import scheduling
from tests.kit.browser import (
    DESK,
    PHONE,
    chromium,
    findings,
    one_port,
    presentable,
    settled,
    sign_in,
    weight,
    width,
    window,
)
from tests.kit.doors import Template, all_services
from tests.kit.evening import Evening
from tests.kit.reporting import DAY, OPD, at
from tests.kit.team import ITEMS, NAMES, Team

CITY_FILES = (
    ("opds", scheduling.OPDS),
    ("units", scheduling.UNITS),
    ("requirements", scheduling.REQUIREMENTS),
    ("employees", scheduling.employees(scheduling.SMALL_CITY)),
    ("holidays", scheduling.HOLIDAYS),
)


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
OFFICE = (
    *("people?q=sri", "imports", "policies", "rosters", "absences", "proposals", "calendar", "terminals"),
    *("packs", "repair", "readiness", "samples", "pilots", "messages", "audit", "decisions", "subscriptions"),
)


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
async def test_each_page_fits_its_window_and_has_no_finding_of_axe_by_day_and_night(
    evening: Evening, size: dict[str, int]
) -> None:
    page = await evening.page("", size, "bkpsdm")
    for path in (*PAGES, *OFFICE):
        there = path.format(person=evening.team.people["Sri Hartati"])
        await page.goto(f"{evening.url}/reporting/desk/{there}")
        await settled(page)
        assert await presentable(page, size) == [], path
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


async def office(evening: Evening, path: str, officer: UUID, size: dict[str, int] = DESK) -> Page:
    """A page of BKPSDM's, in the name of an officer."""
    context = await window(evening.browser, size)
    page = await sign_in(context, evening.url, evening.city.signer.token("bkpsdm", officer))
    await page.goto(f"{evening.url}/reporting/desk/{path}")
    await settled(page)
    return page


def csv(text: str) -> FilePayload:
    return {"name": "kota.csv", "mimeType": "application/vnd.ms-excel", "buffer": text.encode()}


async def test_a_file_is_tried_its_wrong_rows_are_shown_with_their_mend_and_only_what_was_tried_is_stored(
    evening: Evening,
) -> None:
    page = await office(evening, "imports", evening.first, PHONE)
    store = page.get_by_role("button", name="Simpan")
    for kind, text in CITY_FILES:
        await page.get_by_label("Jenis").select_option(kind)
        await page.get_by_label("Berkas CSV").set_input_files(csv(text))
        await expect(store).to_be_disabled()
        if kind == "units":
            broken = text.replace(",false,", ",mungkin,", 1)
            await page.get_by_label("Berkas CSV").set_input_files(csv(broken))
            await page.get_by_role("button", name="Coba dulu").click()
            row = page.locator("#answer tbody tr")
            await expect(row).to_have_count(1)
            await expect(row.locator("td").nth(0)).to_have_text("2")
            await expect(page.get_by_text("tidak ada yang disimpan")).to_be_visible()
            await expect(store).to_be_disabled()
            assert await findings(page) == []
            assert await width(page) == PHONE["width"]
            await page.get_by_label("Berkas CSV").set_input_files(csv(text))
        await page.get_by_role("button", name="Coba dulu").click()
        await expect(page.get_by_text("Berkas baik.")).to_be_visible()
        await store.click()
        await expect(page.locator("#import [data-said]")).to_have_text("Tersimpan.")
    stored = await evening.city.client.get(
        "/scheduling/v1/units", headers=evening.city.signer.headers("bkpsdm", evening.first)
    )
    assert len(stored.json()["items"]) == 3
    await page.context.close()


async def test_a_reference_becomes_a_draft_is_tried_given_and_planned_by(evening: Evening) -> None:
    page = await office(evening, "policies", evening.first)
    await page.locator("#references").get_by_role("button", name="Pakai sebagai konsep").first.click()
    await expect(page.get_by_label("Kamis")).to_be_checked()
    draft = page.locator("#draft")
    await draft.get_by_label("Dari", exact=True).fill("2025-11-10")
    await page.locator("#try-from").fill("2025-11-10")
    await page.locator("#try-to").fill("2025-11-14")
    await page.get_by_role("button", name="Hitung dampaknya").click()
    await expect(page.locator("#effect tbody tr")).to_have_count(5)
    await draft.get_by_role("button", name="Simpan kebijakan").click()
    await expect(draft.locator("[data-said]")).to_contain_text("Kebijakan tersimpan.")
    await expect(page.locator("#list [data-into] > li")).to_have_count(1)
    await page.goto(f"{evening.url}/reporting/desk/rosters")
    make = page.locator("form[data-door='POST /scheduling/v1/rosters']")
    await make.get_by_label("Dari", exact=True).fill("2025-11-10")
    await make.get_by_label("Sampai").fill("2025-11-14")
    await make.get_by_role("button", name="Lihat usulan").click()
    await expect(page.locator("#made .counts")).to_contain_text("Hari-orang")
    await expect(page.get_by_text("Terbit. Rencana yang berubah:")).to_have_count(0)
    await make.get_by_role("button", name="Terbitkan").click()
    await expect(page.get_by_text("Terbit. Rencana yang berubah:")).to_be_visible()
    await expect(page.locator("#rosters [data-into] > li")).to_have_count(1)
    assert await findings(page) == []
    await page.context.close()


async def test_a_policy_of_several_opds_is_given_and_taken_as_a_draft_for_all_of_them(evening: Evening) -> None:
    await evening.city.know(small.unit(small.OTHER_COUNTER, small.OTHER_OPD, "Loket Poli", "Dinas Kesehatan", 1))
    offices = f"opd_code,name,short_name,kind,direct_service\n{OPD},Dukcapil,Dukcapil,dinas,full\n"
    imported = await evening.city.client.post(
        "/scheduling/v1/imports/opds",
        content=f"{offices}{small.OTHER_OPD},Dinkes,Dinkes,dinas,full\n",
        headers=evening.city.signer.headers("bkpsdm", evening.first),
    )
    assert imported.status_code == 200, imported.text
    page = await office(evening, "policies", evening.first)
    await page.locator("#references").get_by_role("button", name="Pakai sebagai konsep").first.click()
    scope = page.locator("#scope")
    opds = [
        code for code in await scope.locator("option").evaluate_all("all => all.map(one => one.value)") if code
    ]
    assert len(opds) > 1
    await scope.select_option(opds)
    await page.locator("#draft").get_by_label("Dari", exact=True).fill("2025-11-20")
    await page.get_by_label("Nama pendek (id)").fill("BEBERAPA")
    async with page.expect_request(lambda asked: asked.method == "POST") as asked:
        await page.locator("#draft").get_by_role("button", name="Simpan kebijakan").click()
    sent = (await asked.value).post_data_json
    assert sent is not None
    assert sent["scope"] == {"opd_codes": opds}
    await expect(page.locator("#draft [data-said]")).to_contain_text("Kebijakan tersimpan.")
    stored = page.locator("#list [data-into] > li", has_text="BEBERAPA")
    await expect(stored).to_have_count(1)
    await page.reload()
    await stored.get_by_role("button", name="Pakai sebagai konsep").click()
    await expect(scope).to_have_values(opds)
    await page.context.close()


async def test_a_late_change_is_proposed_by_one_officer_and_approved_by_another(evening: Evening) -> None:
    person = scheduling.employee_id(1)
    await evening.city.know(evening.team.person(person, "Pegawai 1"))
    page = await office(evening, "rosters", evening.first)
    make = page.locator("form[data-door='POST /scheduling/v1/rosters']")
    await make.get_by_role("button", name="Terbitkan").click()
    await expect(make.locator(".wrong[data-of=reason]")).to_be_visible()
    await make.get_by_label("Alasan").fill("Jadwal hari ini belum terbit.")
    await make.get_by_role("button", name="Terbitkan").click()
    await expect(page.locator("#made .alert")).to_contain_text("Menunggu pejabat kedua")
    await page.goto(f"{evening.url}/reporting/desk/proposals")
    approve = page.get_by_role("button", name="Setujui")
    await approve.click()
    await expect(page.locator("form.act [data-said]")).to_contain_text("lain")
    await page.context.close()
    page = await office(evening, "proposals", evening.second, PHONE)
    await page.get_by_text("Lihat setiap hari yang berubah").click()
    await expect(page.locator("details [data-into] > li").first).to_contain_text("Bekerja di kantor")
    await expect(page.get_by_text("Pegawai 1", exact=True)).to_be_visible()
    await page.get_by_role("button", name="Setujui").click()
    await expect(page.locator("#proposals > [data-said]")).to_have_text("Diputuskan.")
    await expect(page.locator("#proposals > [data-none]")).to_be_visible()
    await page.goto(f"{evening.url}/reporting/desk/audit")
    await expect(page.locator("#entries")).to_contain_text("proposal.approved")
    await page.context.close()


async def test_somebody_is_chosen_by_name_for_a_leave_which_is_then_amended(evening: Evening) -> None:
    page = await office(evening, "absences", evening.first, PHONE)
    await page.get_by_role("heading", name="Catat cuti atau dinas luar").click()
    add = page.locator("form[data-door='POST /scheduling/v1/absences']")
    await add.get_by_label("Pegawai", exact=True).fill("pegawai 1")
    await expect(add.locator("[data-found]")).to_have_text("1 orang ditemukan; pilih di bawah.")
    await add.get_by_label("Dari").fill("2025-11-20")
    await add.get_by_label("Sampai").fill("2025-11-21")
    await add.get_by_label("Jenis cuti").select_option("annual")
    await add.get_by_role("button", name="Simpan").click()
    await expect(add.locator("[data-said]")).to_contain_text("Tercatat")
    await page.locator("#list-to").fill("2025-11-30")
    await page.get_by_role("button", name="Tampilkan").first.click()
    row = page.locator("#absences [data-into] > li")
    await expect(row).to_contain_text("Pegawai 1")
    await row.get_by_text("Ubah atau akhiri").click()
    await row.get_by_label("Akhir baru").fill("2025-11-25")
    await row.get_by_label("Alasan").first.fill("Diperpanjang dokter.")
    await row.get_by_role("button", name="Ubah tanggal").click()
    await expect(page.locator("#absences > [data-said]")).to_contain_text("Tanggal diubah")
    await expect(row).to_contain_text("25 Nov")
    await page.context.close()


async def test_an_outage_is_declared_once_altered_and_taken_back(evening: Evening) -> None:
    page = await office(evening, "calendar", evening.first)
    await page.get_by_role("heading", name="Nyatakan gangguan").click()
    declare = page.locator("form[data-door='POST /attendance/v1/outages']")
    await declare.get_by_label("Alasan").fill("Server presensi mati.")
    await declare.get_by_role("button", name="Nyatakan gangguan").dblclick()
    row = page.locator("#outages [data-into] > li")
    await expect(row).to_have_count(1)
    await row.get_by_text("Ubah atau tarik").click()
    form = row.locator("form").first
    await expect(form.get_by_label("Sampai")).to_have_value("2025-11-06T08:00")
    await form.get_by_label("Sampai").fill("2025-11-06T08:30")
    await form.get_by_label("Alasan").fill("Baru pulih 08.30.")
    await form.get_by_role("button", name="Simpan").click()
    await expect(row).to_contain_text("08.30")
    await row.get_by_text("Ubah atau tarik").click()
    await row.locator("form").nth(1).get_by_label("Alasan").fill("Ternyata tidak mati.")
    await row.get_by_role("button", name="Tarik gangguan ini").click()
    await expect(row).to_contain_text("ditarik")
    await page.context.close()


async def test_a_terminals_lines_are_looked_at_and_dismissed_and_readiness_is_assessed(evening: Evening) -> None:
    await evening.city.know(small.unit("DISDIK-A", "1.01", "Sekretariat", "Dinas Pendidikan", 1))
    page = await office(evening, "terminals", evening.first)
    await page.get_by_role("heading", name="Daftarkan mesin").click()
    add = page.locator("section > details form[data-door='PUT /attendance/v1/terminals/{serial}']")
    await add.get_by_label("Nomor seri").fill("CKJ0001")
    await add.get_by_label("Nama").fill("Pintu depan")
    await add.get_by_label("Unit (id)").fill("DISDIK-A")
    await add.get_by_label("Jaringan asal").fill("10.1.0.0/16")
    await add.get_by_label("Alasan").fill("Mesin baru.")
    await add.get_by_role("button", name="Daftarkan mesin").click()
    row = page.locator("#terminals [data-into] > li")
    await expect(row).to_contain_text("Pintu depan")
    await row.get_by_text("Masukkan berkas mesin").click()
    lines = "pin,time,state\n9,2025-11-06 07:20:00,0\n"
    await row.get_by_label("attlog.dat").set_input_files(csv(lines))
    await row.get_by_role("button", name="Masukkan", exact=True).click()
    await expect(row.locator("[data-said].done")).to_contain_text("menunggu")
    await page.goto(f"{evening.url}/reporting/desk/repair")
    row = page.locator("#terminals [data-into] > li").first
    await row.get_by_text("Lihat barisnya").click()
    await expect(row.locator("details [data-into] > li")).to_contain_text("nomor tak dikenal")
    await row.get_by_text("Buang", exact=True).first.click()
    await row.get_by_label("nomor tak dikenal").check()
    dismiss = row.locator("form[data-door*=dismissal]")
    await dismiss.get_by_label("Alasan").fill("Percobaan pemasangan.")
    await dismiss.get_by_role("button", name="Buang").click()
    await expect(page.locator("#terminals > [data-none]")).to_be_visible()
    await page.goto(f"{evening.url}/reporting/desk/readiness")
    await page.get_by_label("OPD", exact=True).select_option("1.01")
    await settled(page)  # the rows are drawn anew; a form opened before would be gone
    subject = page.locator("#subjects [data-into] > li").first
    await subject.get_by_text("Nilai", exact=True).click()
    for label in ("Layanan digital", "Tugas jarak jauh", "Pengawasan", "Sambungan", "Petugas minimum"):
        await subject.get_by_label(label).fill("0.6")
    await subject.get_by_role("button", name="Simpan").click()
    await expect(subject).to_contain_text("anjuran WFH")
    await page.context.close()


async def test_what_staff_ask_for_is_decided_with_a_reason_and_a_decision_says_where_it_lacks_one(
    evening: Evening,
) -> None:
    await evening.ask()
    page = await evening.page("decisions", PHONE)
    waits = page.locator("#attendance [data-into] > li")
    await expect(waits).to_contain_text("Agus Prasetyo")
    await expect(waits).to_contain_text("lupa mencatat")
    await waits.get_by_role("button", name="Kabulkan").evaluate("button => { button.form.noValidate = true; }")
    await waits.get_by_role("button", name="Kabulkan").click()
    await expect(waits.get_by_label("Alasan")).to_have_attribute("aria-invalid", "true")
    await waits.get_by_label("Alasan").fill("Saya melihatnya di loket.")
    await waits.get_by_role("button", name="Kabulkan").click()
    await expect(page.locator("#attendance > [data-said]")).to_contain_text("Putusan tersimpan")
    await expect(page.locator("#attendance > [data-none]")).to_be_visible()
    agus = evening.team.people["Agus Prasetyo"]
    await page.goto(f"{evening.url}/reporting/desk/people/{agus}/{DAY}")
    await expect(page.locator("#punches [data-into] > li")).to_contain_text("dijamin pejabat")
    await page.context.close()


async def test_a_flag_of_place_is_shown_in_words_and_a_superior_vouches_for_the_zone(evening: Evening) -> None:
    nur = evening.team.people["Nur Kholis"]
    punch = {
        "punch_id": str(uuid4()),
        "kind": "in",
        "device_at": None,
        "position": {"lat": -6.238317, "lon": 106.975642, "accuracy_m": 8.3},
        "signals": {"mock": True},
    }
    headers = evening.city.signer.headers("staff", nur)
    stored = await evening.city.client.post("/attendance/v1/punches", json=punch, headers=headers)
    assert stored.status_code == 201, stored.text
    await flags.look(evening.city.apps["attendance"].state.service)
    page = await evening.page("decisions", PHONE)
    flag = page.locator("#flags [data-into] > li")
    await expect(flag).to_contain_text("Nur Kholis")
    await expect(flag).not_to_contain_text("106.97")
    assert await findings(page) == []
    await flag.get_by_label("Tempat yang Anda jamin").select_option("office")
    await flag.get_by_label("Alasan").fill("Saya melihatnya di loket.")
    await flag.get_by_role("button", name="Saya menjamin tempatnya").click()
    await expect(page.locator("#flags > [data-said]")).to_contain_text("Putusan tersimpan")
    await expect(page.locator("#flags > [data-none]")).to_be_visible()
    await page.context.close()


ROLES: tuple[Role, ...] = ("staff", "supervisor", "opd_admin", "bkpsdm", "council", "auditor", "ops")
OPEN = {
    "team": "++++...",
    "plans": "++++...",
    "ratings": "++++...",
    "decisions": "++++...",
    "people": "..++.+.",
    "samples": "..++.+.",
    "imports": "..++...",
    "policies": "..++...",
    "rosters": "..++...",
    "absences": "..++...",
    "proposals": "..++.+.",
    "calendar": "..++...",
    "terminals": "..++...",
    "subscriptions": "...+.++",
    "repair": "..++...",
    "packs": "...+++.",
    "readiness": "..++++.",
    "audit": "...+.+.",
}
"""Which page opens to which role, in the order of ROLES; the others are told whose it is."""


@pytest.mark.parametrize("path", OPEN)
async def test_a_page_opens_to_those_who_have_a_use_for_it(evening: Evening, path: str) -> None:
    client = evening.city.client
    signed_out = await client.get(f"/reporting/desk/{path}")
    back = f"/reporting/login?{urlencode({'to': f'/reporting/desk/{path}'})}"
    assert (signed_out.status_code, signed_out.headers["location"]) == (303, back)
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


async def test_a_leave_that_was_asked_for_is_granted_by_the_superior_and_planned(evening: Evening) -> None:
    who, boss, signer = scheduling.employee_id(2), scheduling.employee_id(0), evening.city.signer
    let = {"employment": ["PNS", "PPPK"], "reason": "surat edaran"}
    kinds = "/scheduling/v1/request-kinds/annual"
    answer = await evening.city.client.put(kinds, json=let, headers=signer.headers("bkpsdm", evening.first))
    assert answer.status_code == 200, answer.text
    leave = {
        "kind": "leave",
        "leave": "annual",
        "from": "2025-11-12",
        "to": "2025-11-13",
        "reason": "cuti keluarga",
    }
    asked = {"request_id": str(uuid4()), **leave}
    mine = signer.headers("staff", who)
    answer = await evening.city.client.post("/scheduling/v1/requests", json=asked, headers=mine)
    assert answer.status_code == 201, answer.text
    page = await sign_in(await window(evening.browser, PHONE), evening.url, signer.token("supervisor", boss))
    await page.goto(f"{evening.url}/reporting/desk/decisions")
    waits = page.locator("#scheduling [data-into] > li")
    await expect(waits).to_contain_text("cuti keluarga")
    assert await findings(page) == []
    await waits.get_by_label("Alasan", exact=True).fill("Sesuai jatah.")
    await waits.get_by_role("button", name="Kabulkan").click()
    await expect(page.locator("#scheduling > [data-none]")).to_be_visible()
    stored = await evening.city.client.get("/scheduling/v1/me/absences", headers=mine)
    assert [(one["from_date"], one["to_date"]) for one in stored.json()["items"]] == [("2025-11-12", "2025-11-13")]
    await page.context.close()
