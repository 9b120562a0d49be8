"""The working day, on a real system: a small city, a whole day, and a board that must equal the receipts."""

import signal
import subprocess

import pytest

from deploy.embedded.state import State
from tests.backing import temporary_state
from tests.integration.test_embedded_system import HADIR, environment, up

STAFF = "600"
PATIENCE_S = 420


def play(state: State, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*HADIR, "demo", *arguments],
        env=environment(state),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_after_a_played_day_the_board_equals_what_the_receipts_imply() -> None:
    with temporary_state() as state, up(state):
        played = play(state, "--staff", STAFF)
        assert played.returncode == 0, played.stderr[-6000:]
        assert "the board equals the receipts" in played.stderr
        for line in ("check-ins", "on_time", "Coverage of 310 service points", "attendance.recorded.v1", "p99"):
            assert line in played.stdout, line
        assert state.running().http, "the system runs on after the day"


def test_a_demonstration_without_a_system_says_how_to_start_one() -> None:
    with temporary_state() as state:
        refused = play(state, "--staff", STAFF)
    assert refused.returncode == 2
    assert "hadir up" in refused.stderr


@pytest.mark.parametrize("staff", ["10", "-1"])
def test_a_city_smaller_than_its_units_is_refused_before_anything_is_sent(staff: str) -> None:
    with temporary_state() as state, up(state):
        refused = play(state, "--staff", staff)
        assert refused.returncode == 2
        assert "at least 522" in refused.stderr
        assert not (state.root / "clock.json").exists(), "the clock was not touched"


def test_ctrl_c_ends_the_day_and_leaves_the_system_running_at_real_speed() -> None:
    with temporary_state() as state, up(state):
        demo = subprocess.Popen(
            [*HADIR, "demo", "--staff", STAFF], env=environment(state), stderr=subprocess.PIPE, text=True
        )
        assert demo.stderr is not None
        said = " "
        while "steps are known" not in said:
            said = demo.stderr.readline()
            assert said, "it ended before the day began"
        demo.send_signal(signal.SIGINT)
        _, rest = demo.communicate(timeout=60)
        assert demo.returncode == 130, rest[-3000:]
        assert '"speed": 1.0' in (state.root / "clock.json").read_text()
        assert state.running().http
