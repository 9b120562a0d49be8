"""`hadir run`: the system and a working day in it, with one command and one Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from deploy.links import LinkFailed, sign_in_link
from deploy.local.processes import leashed
from deploy.local.state import State, say
from shared.auth import load_private_key, sign

HADIR = (sys.executable, "-c", "from deploy.entry import main; main()")
INTERRUPTED = 130
SESSION_S = 12 * 3600


class _Children:
    """What was started, newest last. A Ctrl-C reaches only us, and we pass it to the newest that still runs: the
    day ends before what it runs on."""

    def __init__(self) -> None:
        self.asked_to_stop = False
        self._started: list[subprocess.Popen[str]] = []
        self._starting = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)

    def start(self, *arguments: str, stdout: int | None = None) -> subprocess.Popen[str]:
        command = leashed([*HADIR, *arguments], signal.SIGINT)
        self._starting = True
        child = subprocess.Popen(command, stdout=stdout, text=True, start_new_session=True)
        self._started.append(child)
        self._starting = False
        if self.asked_to_stop:  # meanwhile, when this one could not be told
            self._stop()
        return child

    def _stop(self, *_: object) -> None:
        self.asked_to_stop = True
        if self._starting:
            return
        for child in reversed(self._started):
            if child.poll() is None:
                os.kill(child.pid, signal.SIGINT)
                return


def _say_how_to_sign_in(http: str) -> None:
    state = State.from_environment()
    if state.private_key.exists():
        token = sign(load_private_key(state.private_key), role="bkpsdm", ttl_s=SESSION_S)
        try:
            say(f"open the board as BKPSDM (once, within ten minutes): {sign_in_link(http, token)}")
        except LinkFailed as error:
            say(str(error))
        say("another link, for any role: hadir link --role bkpsdm")


def run(demo: Sequence[str], up: Sequence[str], *, once: bool) -> int:
    """Start the system, play a day into it, and stay up; with `once` stop after the day.

    Returns the day's exit code with `once`, else that of the system.
    """
    children = _Children()
    system = children.start("up", "--json", *up, stdout=subprocess.PIPE)
    line = system.stdout.readline() if system.stdout else ""
    if not line:
        return system.wait()
    code = 0 if children.asked_to_stop else children.start("demo", *demo).wait()
    if children.asked_to_stop:
        code = INTERRUPTED
    if not once and not children.asked_to_stop:
        http = json.loads(line)["http"]
        say(f"the day is over and the system stays up: {http}/ - Ctrl-C stops it")
        _say_how_to_sign_in(http)
        return system.wait()
    if system.poll() is None:
        os.kill(system.pid, signal.SIGINT)
    return system.wait() or code
