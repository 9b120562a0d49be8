"""`hadir run`: the day's exit code is the command's, and one interrupt ends the day first and then the system."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.local.hosted import ensure_key
from deploy.local.state import State

FAKE = """
import json, signal, sys, time
from pathlib import Path
def note(line):
    with Path({log!r}).open("a") as file:
        file.write(line + chr(10))
def stop(*_):
    note(sys.argv[1] + " interrupted")
    sys.exit(0 if sys.argv[1] == "up" else 130)
signal.signal(signal.SIGINT, stop)
note(" ".join(sys.argv[1:]))
if sys.argv[1] == "up":
    print(json.dumps({{"http": "http://127.0.0.1:1", "kafka": "", "postgres": ""}}), flush=True)
    time.sleep(60)
elif "--for-ever" in sys.argv:
    time.sleep(60)
else:
    sys.exit(3)
"""

RUN = """
import sys
import deploy.run
deploy.run.HADIR = (sys.executable, {fake!r})
{before}
sys.exit(deploy.run.run(sys.argv[2:], ["--processes"], once=sys.argv[1] == "once"))
"""

INTERRUPTED_WHILE_IT_STARTS_THE_DAY = """
import os, signal, subprocess
class Popen(subprocess.Popen):
    def __init__(self, command, **options):
        super().__init__(command, **options)
        if "demo" in command:
            os.kill(os.getpid(), signal.SIGINT)
subprocess.Popen = Popen
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    log = tmp_path / "log"
    (tmp_path / "fake.py").write_text(FAKE.format(log=str(log)))
    return log


def run(log: Path, *arguments: str, before: str = "") -> "subprocess.Popen[bytes]":
    program = RUN.format(fake=str(log.with_name("fake.py")), before=before)
    return subprocess.Popen([sys.executable, "-c", program, *arguments], stderr=subprocess.PIPE)


def until(log: Path, line: str) -> None:
    deadline = time.monotonic() + 30
    while not (log.exists() and line in log.read_text().splitlines()):
        assert time.monotonic() < deadline, f"{line!r} did not come"
        time.sleep(0.01)


def test_once_ends_with_the_days_exit_code_after_stopping_the_system(log: Path) -> None:
    assert run(log, "once", "--staff", "10").wait(30) == 3
    assert log.read_text().splitlines() == ["up --json --processes", "demo --staff 10", "up interrupted"]


def test_without_once_the_system_stays_up_after_the_day_until_it_is_interrupted(log: Path) -> None:
    process = run(log, "stay")
    assert process.stderr is not None
    assert b"stays up" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert log.read_text().splitlines()[-1] == "up interrupted"


def test_an_interrupt_ends_the_day_before_the_system_it_runs_on(log: Path) -> None:
    process = run(log, "once", "--for-ever")
    until(log, "demo --for-ever")
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert log.read_text().splitlines()[-2:] == ["demo interrupted", "up interrupted"]


def test_an_interrupt_while_the_day_is_being_started_is_not_lost(log: Path) -> None:
    process = run(log, "once", "--for-ever", before=INTERRUPTED_WHILE_IT_STARTS_THE_DAY)
    assert process.wait(30) == 130
    assert log.read_text().splitlines()[-1] == "up interrupted"


def test_a_killed_run_takes_the_day_and_the_system_with_it(log: Path) -> None:
    process = run(log, "once", "--for-ever")
    until(log, "demo --for-ever")
    process.kill()
    process.wait()
    until(log, "demo interrupted")
    until(log, "up interrupted")


def test_after_the_day_it_says_how_a_browser_signs_in(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = State(log.parent / "state")
    state.create()
    ensure_key(state)
    monkeypatch.setenv("HADIR_STATE_DIR", str(state.root))
    process = run(log, "stay")
    assert process.stderr is not None
    assert b"stays up" in process.stderr.readline()
    no_link = process.stderr.readline().decode()  # the system of this test is none: it says so, and stays up
    assert "http://127.0.0.1:1 makes no sign-in link" in no_link
    assert "hadir link --role bkpsdm" in process.stderr.readline().decode()
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
