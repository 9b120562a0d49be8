"""The system that a demonstration plays into, and what an earlier one has left there."""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from demo.city import LEAST_STAFF
from shared.clock import AnchoredClock, parse

STAFF, SEED, MOST_STAFF = 3000, 2025, 100_000
NOTE = "demo.json"

EQUAL, UNLIKE, CANNOT_START, INTERRUPTED = 0, 1, 2, 130
"""Exit codes: what is shown equals what was recorded, it differs, nothing could begin, somebody pressed Ctrl-C."""


class CannotStart(Exception):
    """The demonstration cannot begin; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the running system listens: the base URL of its front door and Kafka's bootstrap."""

    http: str
    kafka: str


@dataclass(frozen=True, slots=True)
class Place:
    """The system to play into, as the command that starts us knows it."""

    folder: Path
    """The system's clock stands in it, and our note of the city that is in the system."""
    private_key: Path
    addresses: Callable[[], Addresses]
    """Raises CannotStart where nothing runs."""
    keep: Callable[[Path, str], None]
    """Writes a file of the folder in one step, for its owner's eyes only."""

    @property
    def anchor(self) -> Path:
        """The file that says what time it is here."""
        return self.folder / "clock.json"

    def time_here(self) -> datetime | None:
        """The system's business time where it was set; None on real time, which may be set to any instant."""
        setting = os.environ.get("HADIR_CLOCK")
        if self.anchor.exists():
            return AnchoredClock(self.anchor).now()
        if setting:
            with suppress(ValueError):  # `hadir up` says what is wrong with it
                return parse(setting)[0]
        return None

    def people_here(self) -> tuple[int, int] | None:
        """The size and the seed of the city that an earlier run brought in; None when there was none."""
        with suppress(FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
            note = json.loads((self.folder / NOTE).read_text())
            return int(note["staff"]), int(note["seed"])
        return None

    def remember(self, staff: int, seed: int) -> None:
        """The city that is about to be brought in."""
        self.keep(self.folder / NOTE, json.dumps({"staff": staff, "seed": seed}))

    def city_of(self, staff: int | None, seed: int | None) -> tuple[int, int]:
        """The number of people and the seed: as asked, else as they are here already, else the defaults.

        Raises CannotStart where another city is here than was asked for.
        """
        here = self.people_here()
        usual = here or (STAFF, SEED)
        asked = (usual[0] if staff is None else staff, usual[1] if seed is None else seed)
        if here is not None and asked != here:
            raise CannotStart(
                f"{self.folder} holds the city of {here[0]} people with seed {here[1]}: leave --staff and --seed "
                "out, or begin anew with `hadir erase`"
            )
        return asked


def add_city_options(parser: argparse.ArgumentParser) -> None:
    """The options that say which city: `--staff` and `--seed`, None where they are not given."""
    parser.add_argument(
        "--staff",
        type=_staff,
        help=f"people in the city, {LEAST_STAFF} and more (default: those who are there already, else {STAFF}; "
        f"whole: 24000)",
    )
    parser.add_argument("--seed", type=int, help=f"another seed, another city (default: as before, else {SEED})")


def _staff(text: str) -> int:
    staff = int(text) if re.fullmatch("-?[0-9]{1,9}", text) else 0
    if not LEAST_STAFF <= staff <= MOST_STAFF:
        raise argparse.ArgumentTypeError(f"{text} is not between {LEAST_STAFF} and {MOST_STAFF}")
    return staff
