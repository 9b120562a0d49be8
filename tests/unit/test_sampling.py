"""The weekly audit: the draw, who may look, and what findings say. Pure."""

import datetime as dt
import hashlib
import random
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.reporting.domain.sampling import FindingIn, check_examiner, drawn, seed_of, share_of, week_of
from shared.refusals import Forbidden, Invalid

WEEK = week_of("2025-W45")


def test_a_week_is_that_of_iso_8601() -> None:
    assert (WEEK.first, WEEK.last) == (dt.date(2025, 11, 3), dt.date(2025, 11, 9))
    assert week_of("2026-W53").last == dt.date(2027, 1, 3)
    assert week_of("2025-W01").first == dt.date(2024, 12, 30)


@pytest.mark.parametrize(
    "name",
    ["2025-W54", "2025-W00", "2025W45", "2025-45", "9999-W52", "", "2025-W45\n", "２０２５-W45"],
)
def test_what_names_no_week_is_refused_by_name(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        week_of(name)
    assert [error.field for error in refused.value.errors] == ["week"]


def test_the_draw_is_the_published_one() -> None:
    """Whoever has the OPD, the week and the ids draws the same, with no program of ours."""
    seed = hashlib.sha256(b"3275.DUKCAPIL\n2025-W45\nhadir/sample/1").hexdigest()
    assert seed_of("3275.DUKCAPIL", WEEK) == seed
    ids = [UUID(int=n) for n in range(50)]
    by_hand = sorted(ids, key=lambda one: hashlib.sha256(f"{seed}\n{one}".encode()).hexdigest())
    assert drawn(seed, ids, 7) == by_hand[:7]
    assert seed_of("3275.DINKES", WEEK) != seed
    assert seed_of("3275.DUKCAPIL", week_of("2025-W46")) != seed


@given(st.sets(st.uuids(), max_size=30), st.integers(1, 40), st.uuids(), st.randoms(use_true_random=False))
def test_order_does_not_matter_and_what_comes_later_displaces_one_at_most(
    ids: set[UUID], size: int, later: UUID, shuffle: random.Random
) -> None:
    seed = seed_of("1.01", WEEK)
    sample = drawn(seed, ids, size)
    shuffled = list(ids)
    shuffle.shuffle(shuffled)
    assert drawn(seed, shuffled, size) == sample
    assert len(sample) == min(size, len(ids))
    assert drawn(seed, ids, size + 1)[: len(sample)] == sample
    assert len(set(sample) - set(drawn(seed, ids | {later}, size))) <= 1


def test_nobody_examines_their_own_report_or_decision() -> None:
    examiner, author, reviewer = uuid4(), uuid4(), uuid4()
    check_examiner(examiner, author, {reviewer})
    for own, by in ((examiner, {reviewer}), (author, {reviewer, examiner})):
        with pytest.raises(Forbidden):
            check_examiner(examiner, own, by)


def test_the_share_in_error_comes_with_its_interval_and_n() -> None:
    assert share_of([]) == (0, 0, None, None, None)
    found = share_of([True] + [False] * 19)
    assert (found.examined, found.in_error, found.share) == (20, 1, 0.05)
    assert found.wilson_low == pytest.approx(0.0089, abs=1e-4)
    assert found.wilson_high == pytest.approx(0.2361, abs=1e-4)


def test_a_finding_says_plainly_whether_and_why() -> None:
    assert FindingIn.model_validate({"error": True, "reason": "Jumlah tidak cocok"}).error
    for wrong in ({"error": 1, "reason": "abc"}, {"error": True, "reason": " "}, {"error": True}):
        with pytest.raises(ValidationError):
            FindingIn.model_validate(wrong)
