"""The units for servers without containers: valid, locked, and of the programs that there are."""

import configparser
import re
import subprocess
from pathlib import Path

import pytest

from shared.stopping import GRACE_S
from tests.debian import debian_tool

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
SERVICES_OF = ("hadir@.service", "hadir-kafka.service", "hadir-migrate.service")
EXPOSURE = 20
"""systemd's own measure times ten, of 100: 2.0 and less is `OK`."""


def analyze(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [debian_tool("systemd", "usr/bin/systemd-analyze"), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The units, with a program that is on this machine in place of ours."""
    for unit in UNITS.iterdir():
        text = re.sub(r"^(ExecStart|ExecStartPre)=\S+", r"\1=/bin/true", unit.read_text(), flags=re.MULTILINE)
        (tmp_path / unit.name.replace("@.", "@attendance.")).write_text(text)
    return tmp_path


def test_systemd_reads_every_unit_without_a_complaint(folder: Path) -> None:
    checked = analyze("verify", "--man=no", *(f"./{unit.name}" for unit in folder.iterdir()), folder=folder)
    # Others of this machine may be found faulty on the way.
    complaints = [line for line in checked.stderr.splitlines() if "hadir" in line]
    assert (checked.returncode, complaints) == (0, [])


@pytest.mark.parametrize("name", SERVICES_OF)
def test_systemd_finds_little_that_a_broken_program_could_reach(name: str, folder: Path) -> None:
    unit = f"./{name.replace('@.', '@attendance.')}"
    judged = analyze("security", "--offline=true", f"--threshold={EXPOSURE}", unit, folder=folder)
    assert judged.returncode == 0, judged.stdout


def test_a_service_has_the_time_that_it_takes_to_end() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.read(UNITS / "hadir@.service")
    assert int(unit["Service"]["TimeoutStopSec"]) > GRACE_S
