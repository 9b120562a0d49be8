"""Attendance with one counter known, on a port that terminals can reach."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import DatabaseFor
from tests.kit.at_the_door import listening
from tests.kit.attendance import Rig, attendance, unit


@pytest.fixture
async def rig(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Rig]:
    async with attendance(await database_for("attendance"), tmp_path) as rig:
        await rig.know(unit())
        yield rig


@pytest.fixture
async def port(rig: Rig) -> AsyncIterator[int]:
    async with listening(rig.app) as port:
        yield port
