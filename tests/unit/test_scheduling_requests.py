"""What staff may ask for of their own plans: who may, which dates change, and what stands for a colleague."""

import datetime as dt
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.scheduling.domain.partners import handle, is_handle
from services.scheduling.domain.requests import NOBODY, REQUEST, KindRule, about, asked_kind, changed, touch
from services.scheduling.domain.spans import Days

FIRST = dt.date(2025, 11, 1)
DATES = st.integers(0, 40).map(lambda days: FIRST + dt.timedelta(days))
SPANS = st.tuples(DATES, DATES).map(lambda pair: Days(min(pair), max(pair)))


def asked(**body: Any) -> Any:
    return REQUEST.validate_python({"request_id": str(uuid4()), "reason": "cuti", **body})


def amendment(old: Days, new: Days | None) -> Any:
    body = {"kind": "amendment", "category": "leave", "from": str(old.first), "to": str(old.last)}
    return asked(**body, **({"new_from": str(new.first), "new_to": str(new.last)} if new else {}))


def dates(runs: list[Days]) -> set[dt.date]:
    return {run.first + dt.timedelta(n) for run in runs for n in range((run.last - run.first).days + 1)}


def test_the_city_lets_some_ask() -> None:
    assert not NOBODY.lets("PNS", "1.01")
    assert KindRule(employment=["PNS"]).lets("PNS", "1.01")
    assert not KindRule(employment=["PNS"]).lets("PPPK", "1.01")
    assert not KindRule(employment=["PNS"], opd_codes=["1.02"]).lets("PNS", "1.01")
    assert not KindRule(employment=["PNS"], opd_codes=[]).lets("PNS", "1.01")


def test_a_leave_is_let_by_its_kind() -> None:
    span = {"from": "2025-11-12", "to": "2025-11-14"}
    assert asked_kind(asked(kind="leave", leave="sick", **span)) == "sick"
    assert asked_kind(asked(kind="duty_travel", **span)) == "duty_travel"
    assert asked_kind(asked(kind="amendment", category="leave", **span)) == "amendment"


@given(SPANS, st.none() | SPANS)
def test_what_changes_are_the_dates_of_one_and_not_of_the_other(old: Days, new: Days | None) -> None:
    request = amendment(old, new)
    before, after = dates([old]), dates([new]) if new else set[dt.date]()
    assert dates(changed(request)) == before ^ after
    assert changed(request) == sorted(changed(request))
    assert dates(about(request)) == before | after


@given(st.lists(SPANS, max_size=3), st.lists(SPANS, max_size=3))
def test_runs_touch_where_a_date_is_in_both(some: list[Days], others: list[Days]) -> None:
    assert touch(some, others) == touch(others, some) == bool(dates(some) & dates(others))


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"new_from": "2025-11-12"}, "new_to"),
        ({"new_to": "2025-11-12"}, "new_to"),
        ({"new_from": "2025-11-13", "new_to": "2025-11-12"}, "new_to"),
        ({"to": "2025-11-11"}, "to"),
        ({"category": "libur"}, "category"),
    ],
)
def test_half_an_amendment_is_none(more: dict[str, Any], field: str) -> None:
    body = {"kind": "amendment", "category": "leave", "from": "2025-11-12", "to": "2025-11-14"}
    with pytest.raises(ValidationError) as wrong:
        asked(**{**body, **more})
    assert field in {error["loc"][-1] for error in wrong.value.errors()}


KEY = bytes(range(32))
PEOPLE = st.integers(1, 5).map(lambda number: UUID(int=number))


@given(st.lists(st.tuples(PEOPLE, PEOPLE, DATES, DATES), min_size=2, max_size=2, unique=True))
def test_a_handle_is_of_one_asker_one_colleague_and_two_dates(
    pair: list[tuple[UUID, UUID, dt.date, dt.date]],
) -> None:
    one, other = (handle(KEY, *parts) for parts in pair)
    assert one != other
    assert is_handle(one, one)
    assert not is_handle(one, other)


def test_a_handle_is_of_one_database_and_of_no_script() -> None:
    parts = (UUID(int=1), UUID(int=2), FIRST, FIRST)
    assert handle(KEY, *parts) != handle(bytes(32), *parts)
    assert not is_handle("é" * 32, handle(KEY, *parts))
