"""What waits for a superior, what many decisions in one body may be, and how people would be rated. Pure."""

import datetime as dt
from dataclasses import dataclass
from uuid import uuid4

import pytest
from pydantic import ValidationError

from services.reporting.domain.ratings import Measured, Rating, rating
from services.reporting.domain.reports import MOST_REVIEWS, ReviewOf, ReviewsIn
from services.reporting.domain.team import Waits, chosen, is_missing, is_overdue, state_of
from shared.dates import midnight
from shared.events import State

DUE = midnight(dt.date(2025, 11, 12))
TICK = dt.timedelta(microseconds=1)


@dataclass
class Report:
    decided: bool
    review_due: dt.datetime = DUE


def test_a_report_is_overdue_from_the_very_instant_on_at_which_output_becomes_unknown() -> None:
    assert not is_overdue(Report(decided=False), DUE - TICK)
    assert is_overdue(Report(decided=False), DUE)
    assert not is_overdue(Report(decided=True), DUE)
    assert not is_overdue(None, DUE)


@pytest.mark.parametrize(
    ("on_time", "came", "missing"),
    [
        ("pending", None, False),
        ("not_met", None, True),
        ("unknown", None, True),
        ("not_met", DUE, False),
        ("not_due", None, False),
        (None, None, False),
    ],
)
def test_missing_is_who_had_to_be_there_by_now(
    on_time: State | None, came: dt.datetime | None, missing: bool
) -> None:
    assert is_missing(on_time, came) is missing
    states = None if on_time is None else {"on_time": on_time}
    assert state_of(states, "on_time") == on_time  # pyright: ignore[reportArgumentType] - one duty is enough


@pytest.mark.parametrize(
    ("waiting", "overdue", "missing", "among"),
    [
        (False, False, False, {"all"}),
        (False, False, True, {"all", "missing"}),
        (True, False, False, {"all", "waiting"}),
        (True, True, True, {"all", "waiting", "overdue", "missing"}),
    ],
)
def test_a_team_is_narrowed_by_what_waits(waiting: bool, overdue: bool, missing: bool, among: set[Waits]) -> None:
    kinds: tuple[Waits, ...] = ("all", "waiting", "overdue", "missing")
    assert {kind for kind in kinds if chosen(kind, waiting=waiting, overdue=overdue, missing=missing)} == among


@pytest.mark.parametrize(
    ("result", "behaviour", "rated"),
    [
        ("above", "above", "very_good"),
        ("above", "at", "good"),
        ("above", "below", "poor"),
        ("at", "above", "good"),
        ("at", "at", "good"),
        ("at", "below", "poor"),
        ("below", "above", "needs_improvement"),
        ("below", "at", "needs_improvement"),
        ("below", "below", "very_poor"),
    ],
)
def test_the_rating_is_that_of_the_quadrant(result: Measured, behaviour: Measured, rated: Rating) -> None:
    assert rating(result, behaviour) == rated


def test_many_decisions_are_bounded_and_each_is_read_as_it_would_be_alone() -> None:
    assert len(ReviewsIn.model_validate({"reviews": [None] * MOST_REVIEWS}).reviews) == MOST_REVIEWS
    with pytest.raises(ValidationError):
        ReviewsIn.model_validate({"reviews": [None] * (MOST_REVIEWS + 1)})
    read = ReviewOf.model_validate({"report_id": str(uuid4()), "report_revision": 2, "decision": "accepted"})
    assert read.revision == 2
