"""Which files are taken as evidence, and under which name."""

import datetime as dt
from uuid import UUID, uuid4

import pytest

from services.reporting.domain.evidence import MOST_BYTES, Evidence, kind_of, name_of
from services.reporting.domain.reports import Known, ReportIn, copied, items_of
from shared.refusals import Invalid
from tests.kit.pictures import PDF, photo

MINE, OTHER = uuid4(), uuid4()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (photo("JPEG"), "image/jpeg"),
        (photo("PNG"), "image/png"),
        (photo("WEBP"), "image/webp"),
        (PDF, "application/pdf"),
        (b"", "evidence.empty"),
        (b"x" * (MOST_BYTES + 1), "evidence.too_large"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00", "evidence.heic"),
        (PDF[:40], "evidence.broken"),
        (b"GIF89a", "evidence.kind"),
        (b"MZ\x90\x00", "evidence.kind"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "evidence.kind"),
        (b"RIFF\x00\x00\x00\x00WAVE", "evidence.kind"),
    ],
)
@pytest.mark.fault(36)
def test_a_file_is_what_is_in_it(body: bytes, kind: str) -> None:
    try:
        found = kind_of(body)
    except Invalid as refused:
        found = refused.errors[0].code
    assert found == kind


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, None),
        (" Notulen rapat.pdf ", "Notulen rapat.pdf"),
        ("IMG_20251106_073012.jpg", "IMG_20251106_073012.jpg"),
        ("NIP 198704122010121003.jpg", None),
        ("081234567890.jpg", None),
    ],
)
def test_a_name_that_tells_who_somebody_is_is_not_kept(given: str | None, kept: str | None) -> None:
    assert name_of(given) == kept


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "a/b.jpg", "C:\\foto.jpg", "c:foto.jpg", "..", "a\nb.jpg", "a\u202egpj.exe", "x" * 151],
)
@pytest.mark.fault(36)
def test_a_name_with_a_path_in_it_is_refused(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        name_of(name)
    assert [error.field for error in caught.value.errors] == ["name"]


def test_a_download_is_called_by_date_and_content_alone() -> None:
    day = dt.date(2025, 11, 6)
    at = dt.datetime(2025, 11, 6, tzinfo=dt.UTC)
    one = Evidence(MINE, OTHER, day, "ab" * 32, "application/pdf", 9, None, None, 'a";x.exe', at)
    assert one.download_name == "2025-11-06-abababababab.pdf"
    assert one.key == "ab/" + "ab" * 32


def items(*evidence: list[UUID]) -> ReportIn:
    listed = [
        {"task": "Rapat", "unit": "jam", "quantity": 1, "evidence": ids, "evidence_count": 99} for ids in evidence
    ]
    return ReportIn.model_validate({"items": listed})


def test_evidence_is_counted_where_it_lies() -> None:
    known = Known("9.01", evidence=frozenset({MINE}))
    with_it, without = items_of(items([MINE, MINE], []), known)
    assert (with_it.evidence_count, without.evidence_count) == (1, 0)
    assert with_it.evidence == (MINE,)
    with pytest.raises(Invalid) as caught:
        items_of(items([MINE], [MINE, OTHER]), known)
    assert [(error.field, error.code) for error in caught.value.errors] == [
        ("items.1.evidence.1", "evidence.not_usable")
    ]
    assert [(item.evidence, item.evidence_count) for item in copied([with_it], known).items] == [((), 0)]
