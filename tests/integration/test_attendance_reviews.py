"""How long a superior has to decide, as attendance knows it."""

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from services.attendance.store import reviews
from shared.events import CalendarChanged, RulesChanged
from shared.events.scheduling import Holiday
from tests.conftest import DatabaseFor
from tests.kit.attendance import Rig, attendance, wib


@pytest_asyncio.fixture
async def rig(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Rig]:
    async with attendance(await database_for("attendance"), tmp_path) as running:
        yield running


def rules(version: str, effective_from: dt.date, days: int) -> RulesChanged:
    return RulesChanged(
        rules_version=version,
        effective_from=effective_from,
        tolerance_minutes=0,
        report_modes=["WFO"],
        report_cutoff="17:00",
        review_sla_working_days=days,
    )


async def due(rig: Rig, since: str) -> str:
    async with rig.db.read() as tx:
        return (await reviews.due(tx, wib(since))).isoformat()[:16]


async def test_without_rules_it_is_three_working_days(rig: Rig) -> None:
    assert await due(rig, "2025-11-06T10:00") == "2025-11-12T00:00"


async def test_the_rules_in_force_and_the_calendar_decide(rig: Rig) -> None:
    new_year = Holiday(date=dt.date(2026, 1, 1), kind="national", name="Tahun Baru")
    await rig.know(
        rules("a", dt.date(2025, 1, 1), 2),
        rules("B", dt.date(2025, 12, 1), 5),
        rules("b", dt.date(2025, 12, 1), 1),
        rules("c", dt.date(2026, 3, 1), 9),
        CalendarChanged(year=2026, revision=1, holidays=[new_year]),
    )
    assert await due(rig, "2025-11-06T10:00") == "2025-11-11T00:00"
    assert await due(rig, "2025-12-30T23:59") == "2026-01-01T00:00"
    assert await due(rig, "2025-12-31T00:00") == "2026-01-03T00:00"
