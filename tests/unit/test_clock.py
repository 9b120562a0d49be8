"""Business time: one anchor for every process, speeds that change while running."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.clock import AnchoredClock, clock_for, parse, write_anchor

MORNING = datetime(2025, 11, 5, 23, 45, tzinfo=UTC)


def test_a_setting_names_its_start_and_its_speed() -> None:
    assert parse("2025-11-06T06:45+07:00@60") == (MORNING, 60.0)
    assert parse("2025-11-06T06:45+07:00") == (MORNING, 1.0)


@pytest.mark.parametrize(
    "wrong", ["", "tomorrow", "2025-11-06T06:45", "2025-11-06T06:45+07:00@x", "2025-11-06T06:45Z@-1"]
)
def test_a_wrong_setting_is_refused_with_the_form_to_write(wrong: str) -> None:
    with pytest.raises(ValueError, match="clock"):
        parse(wrong)


def test_without_an_anchor_it_is_the_system_s_time(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    assert before <= clock_for(tmp_path, None).now() <= datetime.now(UTC)


def test_a_restart_keeps_the_first_anchor(tmp_path: Path) -> None:
    clock_for(tmp_path, "2025-11-06T06:45+07:00@0")
    assert clock_for(tmp_path, "2030-01-01T00:00+07:00@5").now() == MORNING


def test_an_anchor_that_appears_moves_a_running_clock_back_to_its_day(tmp_path: Path) -> None:
    clock = AnchoredClock(tmp_path / "clock.json")
    assert clock.now().year >= 2026
    write_anchor(tmp_path / "clock.json", business=MORNING, wall=time.time(), speed=0)
    assert clock.now() == MORNING


def test_a_change_of_speed_never_sets_time_back(tmp_path: Path) -> None:
    path = tmp_path / "clock.json"
    write_anchor(path, business=MORNING, wall=time.time() - 1, speed=600)
    clock = AnchoredClock(path)
    fast = clock.now()
    assert fast >= MORNING + timedelta(seconds=600)
    write_anchor(path, business=fast - timedelta(seconds=30), wall=time.time(), speed=0)
    assert clock.now() == fast
