"""The rules of the catalogue of tasks, and what a report takes from it."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.domain.catalogue import Task, changes, read, words
from services.reporting.domain.reports import Known, ReportIn, items_of
from shared import csvfile
from shared.csvfile import Rejected
from shared.refusals import Invalid

TODAY = dt.date(2025, 11, 6)
HEADER = "task_code,name,unit,norm_minutes,opd_code,effective_from,active"


def task(code: str = "KTP", since: str = "2025-01-01", **more: object) -> Task:
    values = {"name": "Cetak KTP-el", "unit": "keping", "norm_minutes": 5.0, "opd_code": None, "active": True}
    return Task(code, dt.date.fromisoformat(since), **{**values, **more})  # pyright: ignore[reportArgumentType]


def taken(*lines: str) -> list[tuple[int, Task]]:
    return read(csvfile.read("\n".join([HEADER, *lines]).encode(), HEADER.split(",")), {"9.01"})


def test_a_file_is_read_whole() -> None:
    assert taken("KTP,Cetak KTP-el,keping,5,,2025-01-01,true", "ARSIP,Arsip,map,0.5,9.01,2025-01-01,false") == [
        (2, task()),
        (3, task("ARSIP", name="Arsip", unit="map", norm_minutes=0.5, opd_code="9.01", active=False)),
    ]


def test_every_wrong_cell_is_named_by_row_and_column() -> None:
    with pytest.raises(Rejected) as caught:
        taken(
            "K TP,,keping,0,9.99,6-11-2025,ya",
            "A,Layani 198704122010121003,keping,,,2025-01-01,true",
            "B,b\u0007b," + "u" * 65 + ",5,,2025-01-01,true",
            "C,c,u,5,,2025-01-01,true",
            "C,c,u,6,,2025-01-01,true",
        )
    assert sorted((error.row, error.column, error.code) for error in caught.value.errors) == [
        (2, "active", "import.choice"),
        (2, "effective_from", "import.date"),
        (2, "name", "import.required"),
        (2, "norm_minutes", "import.number"),
        (2, "opd_code", "import.unknown_opd"),
        (2, "task_code", "import.identifier"),
        (3, "name", "import.personal"),
        (3, "norm_minutes", "import.required"),
        (4, "name", "import.control"),
        (4, "unit", "import.too_long"),
        (6, "task_code", "import.twice"),
    ]


@pytest.mark.parametrize(
    ("given_task", "refused"),
    [
        (task(), False),  # as it is stored
        (task(norm_minutes=6.0), True),
        (task(since="2025-11-06"), True),
        (task(since="2024-01-01"), True),  # before the first version, where nothing was in force
        (task(since="2025-11-07", norm_minutes=6.0), False),
        (task(since="2025-12-01", active=False), False),
        (task("NEW", since="2020-01-01"), False),  # nobody's norm changes
    ],
)
def test_what_a_known_task_meant_up_to_today_stays(given_task: Task, refused: bool) -> None:
    stored = {one.version: one for one in (task(), task(since="2025-12-01"))}
    if refused:
        with pytest.raises(Rejected) as caught:
            changes([(2, given_task)], stored, TODAY)
        assert [(error.column, error.code) for error in caught.value.errors] == [
            ("effective_from", "catalogue.begun")
        ]
    else:
        changes([(2, given_task)], stored, TODAY)


def test_a_change_names_the_columns_that_differ() -> None:
    stored = {one.version: one for one in (task(since="2025-12-01"),)}
    found = changes([(2, task(since="2025-12-01", norm_minutes=7.0, unit="lembar"))], stored, TODAY)
    assert [(one.change, one.columns) for one in found] == [("changed", ["unit", "norm_minutes"])]
    assert changes([(2, task(since="2025-12-01"))], stored, TODAY) == []


@given(st.text())
def test_words_are_letters_and_digits_alone(text: str) -> None:
    assert all(word.isalnum() for word in words(text))
    assert words(text.upper()) == words(text.upper().casefold())
    assert all(len(word.encode()) < 2048 for word in words("\u3300" * 300))


def items(*given_items: dict[str, object], known: Known | None = None) -> list[str]:
    """The fields that are wrong."""
    try:
        items_of(ReportIn.model_validate({"items": [{"quantity": 1, **item} for item in given_items]}), known)
    except Invalid as refused:
        return [error.field for error in refused.errors]
    return []


def test_an_item_with_a_code_takes_name_unit_and_norm_from_the_catalogue() -> None:
    given_report = ReportIn.model_validate(
        {
            "items": [
                {"task_code": "KTP", "task": "x", "quantity": 3, "norm_minutes": 99, "evidence_count": 7},
                {"task": "Rapat", "unit": "jam", "quantity": 2, "norm_minutes": 60},
            ]
        }
    )
    coded, free = items_of(given_report, Known("9.01", {"KTP": task()}))
    assert (coded.task, coded.unit, coded.norm_minutes, coded.task_code) == ("Cetak KTP-el", "keping", 5, "KTP")
    assert (free.task, free.unit, free.norm_minutes, free.task_code) == ("Rapat", "jam", None, None)
    assert [coded.evidence_count, free.evidence_count] == [0, 0]


def test_every_item_that_cannot_be_taken_is_named() -> None:
    known = Known(
        "9.01",
        {
            "KTP": task(),
            "GONE": task("GONE", active=False),
            "THEIRS": task("THEIRS", opd_code="9.02"),
            "OURS": task("OURS", opd_code="9.01"),
        },
    )
    assert items({"task_code": "KTP"}, {"task_code": "OURS", "unit": "keping"}, known=known) == []
    assert items(
        {"task_code": "NONE"},
        {"task_code": "GONE"},
        {"task_code": "THEIRS"},
        {"task_code": "KTP", "unit": "berkas"},
        {"task": "Rapat"},
        {"unit": "jam"},
        {"task": "Rapat", "unit": "jam", "item_id": "1"},
        known=known,
    ) == [
        "items.0.task_code",
        "items.1.task_code",
        "items.2.task_code",
        "items.3.unit",
        "items.4.unit",
        "items.5.task",
        "items.6.item_id",
    ]
