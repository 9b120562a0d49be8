"""The task that works the queue off: it says that it works, and does not wait for what will not come."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from types import SimpleNamespace
from typing import cast
from uuid import uuid4

import pytest
import pytest_asyncio

from services.reporting.tasks import steps as task
from shared.clock import FixedClock
from shared.database import Database
from shared.service import Service
from shared.telemetry import Metrics
from tests.conftest import DatabaseFor
from tests.integration.test_steps_drain import NOON, fold, planned, rows
from tests.kit import worlds

DATES = [worlds.THURSDAY + dt.timedelta(days=n) for n in range(5)]


class Recorded:
    """The health of the task."""

    def __init__(self) -> None:
        self.times_worked = 0

    def worked(self) -> None:
        self.times_worked += 1


@pytest_asyncio.fixture
async def db(database_for: DatabaseFor) -> AsyncIterator[Database]:
    yield await database_for("reporting")


@contextlib.asynccontextmanager
async def keeping_up(db: Database, metrics: Metrics, stopped: list[str]) -> AsyncGenerator[Recorded]:
    health = Recorded()
    service = SimpleNamespace(
        db=db,
        metrics=metrics,
        clock=FixedClock(NOON),
        health={"steps": health},
        bus=SimpleNamespace(stopped=lambda: stopped),
    )
    running = asyncio.create_task(task.keep_up(cast("Service", service)))
    try:
        yield health
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def computed(db: Database, many: int) -> None:
    async with asyncio.timeout(60):
        while len(await rows(db, "select from person_day")) < many:  # noqa: ASYNC110 - PostgreSQL tells nobody
            await asyncio.sleep(0.01)


async def test_it_says_after_each_transaction_that_it_works(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The year that follows a rebuild takes longer than a task may be silent."""
    monkeypatch.setattr(task, "IDLE_S", 1e6)
    await fold(db, [(uuid4(), planned(person, date)) for person in worlds.PEOPLE for date in DATES])
    async with keeping_up(db, Metrics("reporting"), []) as health:
        await computed(db, len(DATES) * len(worlds.PEOPLE))
    assert health.times_worked >= len(DATES) - 1


def test_a_wait_in_which_the_consumer_came_no_nearer_is_not_repeated() -> None:
    patience, far = task.Patience(), task.FAR_BEHIND
    assert not patience.pays(far)
    assert patience.pays(10 * far)
    patience.waited(10 * far, 9 * far)
    assert patience.pays(9 * far)  # it catches up
    patience.waited(9 * far, 9 * far - 1)
    assert not patience.pays(9 * far)
    assert not patience.pays(20 * far)  # more comes, and nothing is read
    assert not patience.pays(19 * far + 1)
    assert patience.pays(19 * far)  # now it is
    patience.waited(19 * far, 19 * far)
    assert not patience.pays(2)
    assert patience.pays(2 * far)


async def test_it_waits_once_for_a_partition_that_nobody_reads(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task, "IDLE_S", 0.01)
    monkeypatch.setattr(task, "PATIENCE_S", 0.1)
    metrics, asked = Metrics("reporting"), list[float]()
    metrics.consumer_lag.labels("reporting", "attendance.recorded.v1", "0").set(10 * task.FAR_BEHIND)
    monkeypatch.setattr(task.Patience, "waited", _noted(task.Patience.waited, asked))
    async with keeping_up(db, metrics, []):
        for number, person in enumerate(worlds.PEOPLE, start=1):
            await fold(db, [(uuid4(), planned(person))])
            await computed(db, number)
    assert asked == [10 * task.FAR_BEHIND]


def _noted(
    waited: Callable[[task.Patience, float, float], None], asked: list[float]
) -> Callable[[task.Patience, float, float], None]:
    def noting(patience: task.Patience, before: float, lag: float) -> None:
        asked.append(lag)
        waited(patience, before, lag)

    return noting


async def test_it_does_not_wait_for_a_partition_that_is_not_read_on(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task, "PATIENCE_S", 1e6)
    metrics = Metrics("reporting")
    metrics.consumer_lag.labels("reporting", "attendance.recorded.v1", "0").set(10 * task.FAR_BEHIND)
    await fold(db, [(uuid4(), planned(worlds.PEOPLE[0]))])
    async with keeping_up(db, metrics, ["consumer reporting has stopped"]):
        await computed(db, 1)
