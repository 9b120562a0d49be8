"""The working day, on a real system: a small city, a whole day, and a board that must equal the receipts."""

import asyncio
import signal
import subprocess

import pytest

from tests.backing import temporary_state
from tests.integration.test_embedded_system import HADIR, environment, up

STAFF = "600"
PATIENCE_S = 420


async def test_after_a_played_day_the_board_equals_what_the_receipts_imply() -> None:
    with temporary_state() as state, up(state):
        played = await asyncio.to_thread(
            subprocess.run,
            [*HADIR, "demo", "--staff", STAFF],
            env=environment(state),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert played.returncode == 0, played.stderr[-6000:]
        assert "the board equals the receipts" in played.stderr
        for line in ("check-ins", "on_time", "Coverage of 310 service points", "attendance.recorded.v1", "p99"):
            assert line in played.stdout, line
        assert state.running().http, "the system runs on after the day"


@pytest.mark.parametrize("arguments", [["--staff", "10"], ["--date", "2025-11-05", "--staff", STAFF]])
async def test_a_demonstration_without_a_system_or_a_city_says_so(arguments: list[str]) -> None:
    with temporary_state() as state:
        refused = await asyncio.to_thread(
            subprocess.run,
            [*HADIR, "demo", *arguments],
            env=environment(state),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert refused.returncode == 2
    assert "hadir up" in refused.stderr


async def test_ctrl_c_ends_the_day_and_leaves_the_system_running_at_real_speed() -> None:
    with temporary_state() as state, up(state):
        demo = subprocess.Popen(
            [*HADIR, "demo", "--staff", STAFF], env=environment(state), stderr=subprocess.PIPE, text=True
        )
        assert demo.stderr is not None
        said = ""
        while "steps are known" not in said:
            said = await asyncio.to_thread(demo.stderr.readline)
            assert said, "it ended before the day began"
        demo.send_signal(signal.SIGINT)
        rest = await asyncio.to_thread(demo.communicate, None, 60)
        assert demo.returncode == 130, rest[1][-3000:]
        assert '"speed": 1.0' in (state.root / "clock.json").read_text()
        assert state.running().http
