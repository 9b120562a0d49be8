"""A background task that fails again and again says so; one that recovers, or failed once, does not."""

import asyncio
from contextlib import suppress

from shared.tasks import Health, forever
from shared.telemetry import Metrics


class Wall:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def failing(health: Health, wall: Wall, for_s: float, *, every_s: float = 2.0) -> None:
    end = wall.now + for_s
    while wall.now < end:
        health.failed(ValueError("cannot subtract infinite dates"))
        wall.now += every_s


def test_a_task_is_named_after_a_minute_of_failing_with_what_it_says() -> None:
    wall, metrics = Wall(), Metrics("reporting")
    health = Health("transitions", metrics, clock=wall)
    failing(health, wall, 58)
    assert health.complaint() is None
    failing(health, wall, 4)
    complaint = health.complaint()
    assert complaint is not None
    assert "transitions" in complaint
    assert "ValueError: cannot subtract infinite dates" in complaint
    told = {"task": "transitions"}
    assert metrics.registry.get_sample_value("hadir_task_failures_total", told) == 31
    assert metrics.registry.get_sample_value("hadir_task_failing_seconds", told) == 62


def test_a_task_that_works_again_is_not_named_any_more() -> None:
    wall = Wall()
    says_so, is_silent = (Health(name, Metrics("reporting"), clock=wall) for name in ("a", "b"))
    for health in (says_so, is_silent):
        failing(health, wall, 120)
        assert health.complaint() is not None
    says_so.worked()
    assert says_so.complaint() is None
    wall.now += 61
    assert is_silent.complaint() is None
    is_silent.failed(ValueError())
    assert is_silent.complaint() is None  # a new failure, not the old one


def test_two_failures_far_apart_are_not_a_minute_of_failing() -> None:
    wall = Wall()
    health = Health("upkeep", Metrics("notifications"), clock=wall)
    failing(health, wall, 3700, every_s=3600)
    assert health.complaint() is None


def test_a_task_that_says_when_it_works_and_falls_silent_hangs() -> None:
    wall = Wall()
    beats, never_beat = (Health(name, Metrics("reporting"), clock=wall) for name in ("a", "b"))
    beats.worked()
    wall.now += 299
    assert beats.complaint() is None
    wall.now += 2
    assert "has done nothing" in (beats.complaint() or "")
    assert never_beat.complaint() is None


def test_every_task_s_counter_begins_at_zero() -> None:
    metrics = Metrics("reporting")
    Health("transitions", metrics)
    assert metrics.registry.get_sample_value("hadir_task_failures_total", {"task": "transitions"}) == 0


async def test_a_crash_is_counted_and_the_work_starts_again() -> None:
    metrics, started, again = Metrics("reporting"), 0, asyncio.Event()

    async def work() -> None:
        nonlocal started
        started += 1
        if started == 1:
            raise ExceptionGroup("tasks", [ValueError()])
        again.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(forever(Health("live", metrics), work))
    await asyncio.wait_for(again.wait(), 30)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert metrics.registry.get_sample_value("hadir_task_failures_total", {"task": "live"}) == 1
