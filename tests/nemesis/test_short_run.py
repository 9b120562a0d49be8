"""A short run of the nemesis on the whole system; the long ones are `make faults`."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.long


async def test_half_a_minute_of_kills_and_cuts_loses_doubles_and_reorders_nothing(tmp_path: Path) -> None:
    command = ["--seed", "4", "--minutes", "0.4", "--staff", "110", "--only"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.nemesis", *command, "kill,cut,sessions,transaction"),
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if not k.startswith("HADIR_") or k == "HADIR_CACHE_DIR"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, told = await process.communicate()
    report = out.decode()
    assert process.returncode == 0, f"{report}\n{told.decode()[-3000:]}"
    assert "lost 0  doubled 0  reordered 0  phantom 0" in report
    assert "recovered after" in told.decode()
