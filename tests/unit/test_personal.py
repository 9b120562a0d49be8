"""What tells who somebody is is found in free text, however it is written; what a day's work counts is not."""

import pytest

from shared.personal import personal

TELLING = [
    ("NIK 3275012345678901", "identity"),
    ("198704122010121003", "identity"),
    ("KTP 3275-0123-4567-8901 selesai", "identity"),
    ("19870412 201012 1 003", "identity"),
    ("19870412.201012.1.003", "identity"),
    ("3275 0123 4567 8901", "identity"),
    ("３２７５０１２３４５６７８９０１", "identity"),
    ("٣٢٧٥٠١٢٣٤٥٦٧٨٩٠١", "identity"),
    ("3275\u200b0123\u200b4567\u200b8901", "identity"),
    ("3275_0123_4567_8901", "identity"),
    ("3275–0123–4567–8901", "identity"),
    ("nik:3275012345678901,", "identity"),
    ("081234567890", "phone"),
    ("0812-3456-7890", "phone"),
    ("+62 812 3456 7890", "phone"),
    ("6281234567890", "phone"),
    ("+62 (0) 812 3456 7890", "phone"),
    ("0812.3456.789", "phone"),
    ("hubungi ０８１２３４５６７８９０", "phone"),
    ("(021) 8896 1234", "phone"),
    ("021-88961234", "phone"),
    ("+65 6123 4567 89", "phone"),
    ("budi.s@bekasikota.go.id", "email"),
    ("budi (at) mail.com", "email"),
    ("ｂｕｄｉ＠ｍａｉｌ．ｃｏｍ", "email"),
]
PLAIN = [
    "2025 dokumen",
    "Verifikasi 1.250 berkas KTP-el",
    "Surat 800/1234/BKPSDM/2025",
    "nota dinas 094/2025 tanggal 06-11-2025",
    "faktur 202511060001",
    "Rp 1.250.000.000.000.000",
    "Rp 12.500.000",
    "antrian A001 sampai A120",
    "06-11-2025 07:30 sampai 06-11-2025 16:00",
    "2025-11-06 2025-11-07",
    "berkas 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13",
    "Layanan 08.00-15.00, 08.00-15.00",
    "kode 1.01 unit 2",
    "ukuran 80 x 120 cm",
    "0,85 dan 0.8123456789",
    "jam 07:30 @ kantor",
    "RT 003/RW 012 kode pos 17141",
    "No. registrasi 123456789012",
]


@pytest.mark.parametrize(("text", "kind"), TELLING)
def test_what_tells_who_somebody_is_is_found(text: str, kind: str) -> None:
    assert personal(text) == kind
    assert personal(f"Layanan untuk {text} selesai") == kind


@pytest.mark.parametrize("text", PLAIN)
def test_what_a_days_work_counts_passes(text: str) -> None:
    assert personal(text) is None
