"""What is said before a day, what is copied from another, and the targets of a year."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.reporting.domain.catalogue import Task
from services.reporting.domain.drafts import Draft
from services.reporting.domain.intentions import IntentionIn, check_open, compare, intended_of
from services.reporting.domain.reports import Item, Known, ReportIn, copied, items_of
from services.reporting.domain.targets import TargetsIn, check
from shared.dates import midnight
from shared.refusals import Conflict, Invalid

DAY = dt.date(2025, 11, 7)
STARTS = midnight(DAY) + dt.timedelta(hours=7, minutes=30)
SECOND = dt.timedelta(seconds=1)
KTP = Task("KTP", dt.date(2025, 1, 1), "Cetak KTP-el", "keping", 5, None, active=True)
KNOWN = Known("9.01", {"KTP": KTP}, frozenset({"S1"}))


@pytest.mark.parametrize(
    ("starts_at", "now", "refused"),
    [
        (STARTS, STARTS - SECOND, None),
        (STARTS, STARTS, Conflict),
        (None, midnight(DAY) - SECOND, None),
        (None, midnight(DAY), Conflict),
        (STARTS, midnight(DAY) - dt.timedelta(days=14), None),
        (STARTS, midnight(DAY) - dt.timedelta(days=14) - SECOND, Invalid),
    ],
)
def test_an_intention_is_said_before_the_day_begins(
    starts_at: dt.datetime | None, now: dt.datetime, refused: type[Exception] | None
) -> None:
    if refused is None:
        check_open(DAY, starts_at, now)
    else:
        with pytest.raises(refused):
            check_open(DAY, starts_at, now)


def intention(*items: dict[str, object]) -> IntentionIn:
    return IntentionIn.model_validate({"items": list(items)})


def test_every_mistake_of_an_intention_is_named() -> None:
    with pytest.raises(Invalid) as caught:
        intended_of(
            intention(
                {"task_code": "NONE"},
                {"quantity": 1},
                {"task": "Rapat  tim", "target": "S9"},
                {"task": "rapat tim"},
                {"task_code": "KTP", "unit": "berkas"},
            ),
            KNOWN,
        )
    assert [error.field for error in caught.value.errors] == [
        "items.0.task_code",
        "items.1.task",
        "items.2.target",
        "items.3",
        "items.4.unit",
    ]


def test_a_report_is_compared_by_code_or_by_the_same_words() -> None:
    meant = intended_of(
        intention(
            {"task_code": "KTP", "quantity": 20, "target": "S1"},
            {"task": "Rapat tim"},
            {"task": "Arsip", "unit": "map"},
        ),
        KNOWN,
    )
    reported = [
        {"task_code": "KTP", "quantity": 12},
        {"task_code": "KTP", "quantity": 5.5},
        {"task": " RAPAT   Tim", "unit": "jam", "quantity": 2},
        {"task": "Cetak KTP-el", "unit": "keping", "quantity": 1},
    ]
    items = items_of(ReportIn.model_validate({"items": reported}), KNOWN)
    compared, unplanned = compare(meant, items)
    assert [one.reported_quantity for one in compared] == [17.5, 2, 0]
    assert [item.task_code for item in unplanned] == [None]
    assert [one.reported_quantity for one in compare(meant, None)[0]] == [None, None, None]
    assert (meant[0].task, meant[0].unit) == ("Cetak KTP-el", "keping")


def old_item(number: int, code: str | None, target: str | None) -> Item:
    return Item(
        item_id=str(number),
        task="Arsip",
        quantity=number,
        unit="map",
        task_code=code,
        target=target,
        evidence_count=2,
    )


ITEMS = st.lists(
    st.builds(
        old_item, st.integers(0, 100), st.sampled_from([None, "KTP", "GONE"]), st.sampled_from([None, "S1", "S2"])
    ),
    max_size=8,
    unique_by=lambda item: item.item_id,
)


@given(ITEMS)
def test_a_copy_can_be_handed_in_as_it_is(items: list[Item]) -> None:
    copy = copied(items, KNOWN)
    assert len(copy.items) + len(copy.left_out) == len(items)
    assert {item.task_code for item in copy.left_out} <= {"GONE"}
    body = ReportIn.model_validate({"items": [item.model_dump() for item in copy.items]})
    assert list(items_of(body, KNOWN)) == copy.items


def test_two_targets_cannot_share_a_code() -> None:
    lines = [{"code": code, "title": "Layanan tepat waktu"} for code in ("A", "B", "A")]
    with pytest.raises(Invalid) as caught:
        check(TargetsIn.model_validate({"items": lines}))
    assert [error.field for error in caught.value.errors] == ["items.2.code"]
    check(TargetsIn.model_validate({"items": lines[:2]}))


@pytest.mark.parametrize("text", ["NIK 3275011204870003", "telepon 0812 3456 7890", "198704122010121003"])
def test_no_new_text_names_somebody(text: str) -> None:
    for model, body in (
        (Draft, {"items": [{"task": text}]}),
        (IntentionIn, {"items": [{"task": text}]}),
        (TargetsIn, {"items": [{"code": "A", "title": text}]}),
    ):
        with pytest.raises(ValidationError, match="other systems will read it"):
            model.model_validate(body)
    Draft.model_validate({"items": [{"task": "", "quantity": None}, {}]})
