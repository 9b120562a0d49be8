from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from demo.board import compare
from demo.pace import BUSY_SPEED, FIRST_RATE, LEAST_SPEED, QUIET_SPEED, Pace
from demo.watch import Update, delays, quantile
from shared.clock import AnchoredClock

START = datetime(2025, 11, 6, 0, 0, tzinfo=UTC)


@pytest.fixture
def pace(tmp_path: Path) -> Pace:
    return Pace(tmp_path / "clock.json", start=START)


def test_an_empty_night_passes_as_fast_as_is_allowed(pace: Pace) -> None:
    assert pace.speed_for(START, behind=0) == QUIET_SPEED


def test_a_peak_passes_at_the_rate_of_steps_that_the_machine_takes(pace: Pace) -> None:
    for n in range(30_000):  # 20 steps a business second
        pace.expect(START + timedelta(seconds=n / 20))
    assert pace.speed_for(START, behind=0) == pytest.approx(FIRST_RATE / 20)


def test_a_few_steps_pass_at_the_busy_speed_so_that_nobody_is_late_by_the_clock_alone(pace: Pace) -> None:
    for minute in range(60):
        pace.expect(START + timedelta(minutes=minute))
    assert pace.speed_for(START, behind=0) == BUSY_SPEED


def test_the_clock_does_not_leap_over_the_next_step(pace: Pace) -> None:
    pace.expect(START + timedelta(hours=1))
    assert pace.speed_for(START, behind=0) == pytest.approx(3600, rel=0.02)


def test_with_a_backlog_the_clock_crawls(pace: Pace) -> None:
    pace.expect(START)
    assert pace.speed_for(START, behind=1000) == LEAST_SPEED


def test_a_slow_answer_makes_nobody_late_by_more_than_a_minute(pace: Pace) -> None:
    pace.expect(START)
    for slow in (0.05, 0.1, 1.0):
        assert slow * pace.speed_for(START, behind=1, slow_share_s=slow) <= 60


def test_slow_answers_lower_the_rate(pace: Pace) -> None:
    pace.adjust(slow_share_s=1.0, behind=0, until=START + timedelta(days=1))
    assert pace.rate < FIRST_RATE


def test_every_process_reads_the_speed_that_was_set(tmp_path: Path) -> None:
    pace = Pace(tmp_path / "clock.json", start=START)
    service = AnchoredClock(tmp_path / "clock.json")
    pace.run_at(3600)
    before, ours, after = service.now(), pace.now(), service.now()
    assert before <= ours <= after
    assert pace.fastest == 3600


def test_a_receipt_was_visible_with_the_first_update_that_counts_it() -> None:
    updates = [Update(1.00, START, 0), Update(1.10, START, 1), Update(1.30, START, 3), Update(1.40, START, 4)]
    seen = delays([1.05, 1.20, 1.25, 1.35], updates, before=START + timedelta(hours=1))
    assert seen == pytest.approx([0.05, 0.10, 0.05, 0.05])


def test_a_receipt_that_no_update_counts_is_not_measured() -> None:
    assert delays([1.0, 1.1], [Update(1.2, START, 1)], before=START + timedelta(hours=1)) == pytest.approx([0.2])


def test_updates_after_the_first_plan_has_ended_say_nothing_about_check_ins() -> None:
    late = Update(1.2, START + timedelta(hours=9), 5)
    assert delays([1.0], [late], before=START + timedelta(hours=7)) == []


def test_quantiles_of_nothing_are_nothing() -> None:
    assert quantile([], 0.99) is None
    assert quantile([float(n) for n in range(100)], 0.99) == 99


@pytest.mark.parametrize(
    ("want", "got", "lines"),
    [
        ({"n": 3, "rate": 0.5}, {"n": 3, "rate": 0.5, "more": 1}, 0),
        ({"n": 3}, {"n": 4}, 1),
        ({"n": 3}, {}, 1),
        ({"rate": 0.5}, {"rate": None}, 1),
        ({"rate": None}, {"rate": 0.0}, 1),
        ({"seconds": 25200.0}, {"seconds": 25200}, 0),
        ({"seconds": 25200.0}, {"seconds": 25201}, 1),
        ({"a": {"on_time": "met"}}, {"a": {"on_time": "not_met"}}, 1),
    ],
)
def test_a_comparison_names_each_figure_that_differs(
    want: dict[str, object], got: dict[str, object], lines: int
) -> None:
    assert len(compare(want, got, "board")) == lines
