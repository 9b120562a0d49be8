"""The rules of work reports and reviews, without anything around them."""

import datetime as dt
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.domain.reports import (
    Report,
    ReportIn,
    ReviewIn,
    check_work_date,
    items_of,
    report_id_of,
    review,
    revise,
)
from services.reporting.views import words
from shared.refusals import Conflict, Invalid

NOW = dt.datetime(2025, 11, 6, 9, tzinfo=dt.UTC)
DAY = dt.date(2025, 11, 6)
AUTHOR, BOSS, DEPUTY = UUID(int=1), UUID(int=2), UUID(int=3)


def report(*quantities: float) -> Report:
    given = ReportIn.model_validate({"items": [{"task": "t", "quantity": q, "unit": "u"} for q in quantities]})
    return Report(report_id_of(AUTHOR, DAY), AUTHOR, "OPD", DAY, 1, NOW, items_of(given))


def decision(**more: object) -> ReviewIn:
    return ReviewIn.model_validate({"revision": 1, "decision": "accepted", **more})


def test_one_employee_and_work_date_have_one_report_id() -> None:
    assert report_id_of(AUTHOR, DAY) == report_id_of(AUTHOR, DAY)
    assert len({report_id_of(who, DAY + dt.timedelta(days=n)) for who in (AUTHOR, BOSS) for n in (0, 1)}) == 4


@pytest.mark.parametrize(("days", "open_"), [(-400, True), (0, True), (1, True), (2, False)])
def test_a_report_is_taken_for_any_date_until_tomorrow(days: int, open_: bool) -> None:
    date = DAY + dt.timedelta(days=days)
    if open_:
        check_work_date(date, DAY)
    else:
        with pytest.raises(Invalid):
            check_work_date(date, DAY)


def test_a_clock_that_lags_cannot_make_a_later_revision_the_earlier_one() -> None:
    revised = revise(report(1), (), "OPD", NOW - dt.timedelta(seconds=5))
    assert (revised.revision, revised.submitted_at) == (2, NOW)
    reviewed = review(revised, decision(revision=2), BOSS, NOW - dt.timedelta(seconds=5))
    assert reviewed.review is not None
    assert reviewed.review.reviewed_at == NOW


@given(st.lists(st.sampled_from(["same", "other", "accept", "return", "deputy", "outdated"]), max_size=20))
def test_revisions_only_grow_and_an_accepted_report_stands_still(steps: list[str]) -> None:
    held = report(1)
    reviews = 0
    for number, step in enumerate(steps):
        before = held
        try:
            if step == "same":
                held = revise(held, held.items, "OPD", NOW)
                assert held is before
            elif step == "other":
                held = revise(held, report(number + 2).items, "OPD", NOW)
                assert (held.revision, held.status) == (before.revision + 1, "waiting")
            else:
                reviewer = DEPUTY if step == "deputy" else BOSS
                revision = held.revision + (step == "outdated")
                given = decision(revision=revision, decision="returned" if step == "return" else "accepted")
                held = review(held, given, reviewer, NOW)
                assert held.revision == before.revision
        except Conflict:
            assert held is before
            assert before.status == "accepted" or step == "outdated"
        assert held.reviews >= reviews
        reviews = held.reviews


def test_the_same_decision_of_another_reviewer_is_a_decision_of_its_own() -> None:
    first = review(report(1), decision(), BOSS, NOW)
    assert review(first, decision(), BOSS, NOW) is first
    assert review(first, decision(), DEPUTY, NOW).reviews == 2


def test_every_mistake_of_a_review_is_named_at_once() -> None:
    items = [{"item_id": "1", "accepted_quantity": 9}, {"item_id": "x", "accepted_quantity": 0}]
    with pytest.raises(Invalid) as caught:
        review(report(1, 2), decision(items=items), BOSS, NOW)
    assert [error.field for error in caught.value.errors] == [
        "items.0.accepted_quantity",
        "items.1.item_id",
        "items",
    ]


@pytest.mark.parametrize(
    ("value", "written"),
    [(None, "–"), (0, "0,0%"), (0.0001, "0,1%"), (0.5, "50,0%"), (0.9999, "99,9%"), (1, "100,0%")],
)
def test_only_nothing_is_written_as_0_and_only_the_whole_as_100_per_cent(
    value: float | None, written: str
) -> None:
    assert words.percent(value, "id") == written
    assert words.percent(value, "en") == written.replace(",", ".")
