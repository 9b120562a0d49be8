"""The working day, on a real system: a small city, a whole day, and a board that must equal the receipts."""

import re
import signal
import subprocess

import httpx
import pytest

from deploy.embedded.state import State
from shared.auth import load_private_key, sign
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
        changed = re.search(r"plans changed late, by two officers\D+(\d+)", played.stdout)
        assert changed is not None
        assert int(changed[1]) > 0
        for line in ("check-ins", "on_time", "Coverage of 310 service points", "attendance.recorded.v1", "p99"):
            assert line in played.stdout, line
        assert state.running().http, "the system runs on after the day"


def test_a_demonstration_without_a_system_says_how_to_start_one() -> None:
    with temporary_state() as state:
        refused = play(state, "--staff", STAFF)
    assert refused.returncode == 2
    assert "hadir up" in refused.stderr


@pytest.mark.parametrize("staff", ["10", "-1"])
def test_a_city_smaller_than_its_units_is_refused_before_anything_is_touched(staff: str) -> None:
    with temporary_state() as state:
        refused = play(state, "--staff", staff)
        assert refused.returncode == 2
        assert "at least 522" in refused.stderr
        assert not (state.root / "clock.json").exists()


def begun(state: State) -> subprocess.Popen[str]:
    """A demonstration whose city is imported and whose day has begun."""
    demo = subprocess.Popen(
        [*HADIR, "demo", "--staff", STAFF], env=environment(state), stderr=subprocess.PIPE, text=True
    )
    assert demo.stderr is not None
    said = " "
    while "steps are known" not in said:
        said = demo.stderr.readline()
        assert said, "it ended before the day began"
    return demo


def test_a_board_that_differs_from_the_receipts_fails_the_day_and_is_named() -> None:
    with temporary_state() as state, up(state) as system:
        demo = begun(state)
        officer = sign(load_private_key(state.private_key), role="bkpsdm")
        # An outage the simulator knows nothing of: the board must excuse people whom the receipts call late.
        outage = {
            "scope": {"all": True},
            "starts_at": "2025-11-06T07:00:00+07:00",
            "ends_at": "2025-11-06T07:01:00+07:00",
            "reason": "Uji coba",
        }
        declared = httpx.post(
            f"{system.http}/attendance/v1/outages",
            json=outage,
            headers={"authorization": f"Bearer {officer}"},
            trust_env=False,
        )
        assert declared.status_code == 201, declared.text
        _, said = demo.communicate(timeout=PATIENCE_S)
        assert demo.returncode == 1, said[-3000:]
        assert "differs: city at 06 Nov" in said
        assert "duties on_time unknown: expected" in said


def test_ctrl_c_ends_the_day_and_leaves_the_system_running_at_real_speed() -> None:
    with temporary_state() as state, up(state):
        demo = begun(state)
        demo.send_signal(signal.SIGINT)
        _, rest = demo.communicate(timeout=60)
        assert demo.returncode == 130, rest[-3000:]
        assert '"speed": 1.0' in (state.root / "clock.json").read_text()
        assert state.running().http
