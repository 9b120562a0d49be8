"""The working day, on a real system: a small city, a whole day, and a board that must equal the receipts."""

import re
import signal
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from demo import entry
from demo.city import SHORT_COUNTER, build
from deploy import cli
from deploy.local.state import State
from shared.auth import load_private_key, sign
from tests.integration.test_local_system import HADIR, environment, up
from tests.kit.backing import temporary_state

STAFF = "600"
PATIENCE_S = 420


def play(state: State, *arguments: str, patience_s: float = PATIENCE_S) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*HADIR, "demo", *arguments],
        env=environment(state),
        capture_output=True,
        text=True,
        timeout=patience_s,
        check=False,
    )


def inbox_of_the_short_counter(state: State, http: str) -> list[str]:
    """The kinds of message that who heads the counter whose people came late has of it, oldest first."""
    people = build(int(STAFF)).employees.values()
    heads = (one.employee_id for one in people if SHORT_COUNTER in one.heads)
    superiors = (one.supervisor for one in people if one.unit_id == SHORT_COUNTER)
    head = next(heads, None) or next(superiors)
    token = sign(load_private_key(state.private_key), role="staff", subject=head)
    answer = httpx.get(
        f"{http}/notifications/v1/me/inbox",
        params={"limit": 1000},
        headers={"authorization": f"Bearer {token}"},
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text
    return [one["kind"] for one in reversed(answer.json()["items"]) if one["subject"] == SHORT_COUNTER]


def test_after_a_played_day_the_board_equals_what_the_receipts_imply() -> None:
    """And who heads the counter whose people came late was told once that it is short."""
    with temporary_state() as state, up(state) as system:
        played = play(state, "--staff", STAFF)
        assert played.returncode == 0, played.stderr[-6000:]
        assert "the board equals the receipts" in played.stderr
        changed = re.search(r"plans changed late, by two officers\D+(\d+)", played.stdout)
        assert changed is not None
        assert int(changed[1]) > 0
        counters = f"Coverage of {len(list(build(int(STAFF)).service_points()))} service points"
        for line in ("check-ins", "on_time", counters, "attendance.recorded.v1", "p99"):
            assert line in played.stdout, line
        assert state.running().http, "the system runs on after the day"
        alerts = ("counter.short", "counter.met")
        told = [kind for kind in inbox_of_the_short_counter(state, system.http) if kind in alerts]
        # At so many hours a second its hour with enough clerks may pass between two looks.
        assert told in (["counter.short"], ["counter.short", "counter.met"])


def test_a_demonstration_without_a_system_says_how_to_start_one() -> None:
    with temporary_state() as state:
        refused = play(state, "--staff", STAFF)
    assert refused.returncode == 2
    assert "hadir up" in refused.stderr


REFUSED = {
    "--staff=10": "between 50 and",
    "--staff=-1": "between 50 and",
    "--staff=٦٠٠": "between 50 and",
    "--staff=many": "between 50 and",
    "--speed=0": "between 1 and",
    "--speed=fast": "between 1 and",
    "--speed=nan": "between 1 and",
    "--date=2025-12-25": "no working day",
    "--date=2025-11-08": "no working day",
    "--date=9999-12-31": "between 2025-10-31 and",
    "--date=kemarin": "no date",
}


@pytest.mark.parametrize("option", REFUSED)
@pytest.mark.parametrize("command", ["demo", "run"])
def test_a_day_that_cannot_be_played_is_refused_before_anything_starts(
    command: str,
    option: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("HADIR_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr(sys, "argv", ["hadir", command, option])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert REFUSED[option] in capsys.readouterr().err
    assert not (tmp_path / "state").exists()


def test_another_city_than_the_one_that_is_here_is_refused_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    place = cli.demo_place(State(tmp_path))
    (tmp_path / "demo.json").write_text('{"staff": 60, "seed": 7}')
    for other in (["--staff", "61"], ["--seed", "8"], ["--staff", "60", "--seed", "2025"]):
        assert entry.refused(other, place) == 2
        assert "city of 60 people with seed 7" in capsys.readouterr().err
    for same in ([], ["--staff", "60"], ["--seed", "7"]):
        assert entry.refused(same, place) == 0
    (tmp_path / "demo.json").unlink()
    monkeypatch.setenv("HADIR_CLOCK", "2026-03-02T06:00+07:00")
    assert entry.refused(["--date", "2025-11-06"], place) == 2
    assert "choose a later --date" in capsys.readouterr().err
    assert entry.refused([], place) == 0


def begun(state: State, staff: str = STAFF) -> subprocess.Popen[str]:
    """A demonstration whose city is imported and whose day has begun."""
    demo = subprocess.Popen(
        [*HADIR, "demo", "--staff", staff], env=environment(state), stderr=subprocess.PIPE, text=True
    )
    assert demo.stderr is not None
    said = " "
    while "steps are known" not in said:
        said = demo.stderr.readline()
        assert said, "it ended before the day began"
    return demo


@pytest.mark.long
def test_a_board_that_differs_from_the_receipts_fails_the_day_and_the_next_day_is_judged_for_itself() -> None:
    """In a city of the smallest kind, the second day on another weekday, with nothing said of its size."""
    with temporary_state() as state, up(state) as system:
        demo = begun(state, "60")
        officer = sign(load_private_key(state.private_key), role="bkpsdm", subject=uuid4())
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
        again = play(state, "--date", "2025-11-10")
        assert again.returncode == 0, again.stderr[-6000:]
        assert "60 people in 48 units, Monday 10 November 2025" in again.stderr


@pytest.mark.long
def test_ctrl_c_ends_the_day_and_leaves_the_system_running_at_real_speed() -> None:
    with temporary_state() as state, up(state):
        demo = begun(state)
        demo.send_signal(signal.SIGINT)
        _, rest = demo.communicate(timeout=60)
        assert demo.returncode == 130, rest[-3000:]
        assert '"speed": 1.0' in (state.root / "clock.json").read_text()
        assert state.running().http
