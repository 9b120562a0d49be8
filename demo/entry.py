"""`hadir demo`: a working day, or with `--pilot` the weeks before a trial and the trial."""

from __future__ import annotations

from demo import day, pilot
from demo.client import Refused
from demo.place import CANNOT_START, INTERRUPTED, CannotStart, Place
from demo.summary import say

_PILOT = "--pilot"


def main(arguments: list[str], place: Place) -> int:
    """Play what is asked for; returns the exit code of the command (`demo.place`)."""
    demonstration = pilot if _PILOT in arguments else day
    options = demonstration.options_of(arguments)
    try:
        return demonstration.play(options, place)
    except CannotStart as error:
        say(str(error))
        return CANNOT_START
    except Refused as error:
        say(f"stopped: {error}")
        return CANNOT_START
    except KeyboardInterrupt:
        say(f"interrupted; {demonstration.AFTER_CTRL_C}")
        return INTERRUPTED


def refused(arguments: list[str], place: Place) -> int:
    """CANNOT_START if what is asked for could not be played here, with what to do on standard error; else 0.

    Nothing need run for that. Exits as argparse does for an option that is wrong in itself, and for --help.
    """
    demonstration = pilot if _PILOT in arguments else day
    try:
        demonstration.choose(place, demonstration.options_of(arguments))
    except CannotStart as error:
        say(str(error))
        return CANNOT_START
    return 0
