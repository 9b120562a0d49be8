"""`python -m tests.nemesis faults --seed 7 --minutes 15`, as `make faults` calls it."""

import argparse
import asyncio
import logging
import os
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.state import State
from tests.nemesis.run import STAFF, run


@contextmanager
def folder() -> Generator[Path]:
    """HADIR_STATE_DIR, which then stays, or a folder that goes with the run."""
    given = os.environ.pop("HADIR_STATE_DIR", "")
    if given:
        yield Path(given).absolute()
    else:
        with tempfile.TemporaryDirectory(prefix="hadir-nemesis-", ignore_cleanup_errors=True) as made:
            Path(made).chmod(0o711)
            yield Path(made) / "state"


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.nemesis", description="Faults under load, then a judgement.")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--staff", type=int, default=STAFF)
    parser.add_argument("--only", default="", help="kinds of faults, with commas between")
    parser.add_argument("--soak", type=Path, help="no faults; the picture of memory and files goes there")
    given = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    only = frozenset(kind.strip() for kind in given.only.split(",") if kind.strip())
    with folder() as root:
        report = asyncio.run(
            run(State(root), given.seed, given.minutes * 60, staff=given.staff, kinds=only, soak=given.soak)
        )
    sys.stdout.write(report.text() + "\n")
    return 1 if report.bad else 0


if __name__ == "__main__":
    sys.exit(main())
