"""`hadir demo`: a working day, or with `--pilot` the weeks before a trial and the trial."""

from __future__ import annotations

from demo import day, pilot
from demo.place import Place

_PILOT = "--pilot"


def main(arguments: list[str], place: Place) -> int:
    """Play what is asked for; returns the exit code of the command (`demo.place`)."""
    return (pilot if _PILOT in arguments else day).main(arguments, place)


def refused(arguments: list[str], place: Place) -> int:
    """CANNOT_START if what is asked for could not be played here, with what to do on standard error; else 0.

    Nothing need run for that. Exits as argparse does for an option that is wrong in itself, and for --help.
    """
    return (pilot if _PILOT in arguments else day).refused(arguments, place)
