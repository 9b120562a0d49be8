"""Background tasks and whether they work: a task that fails again and again says so where machines look."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from shared.telemetry import Metrics

log = logging.getLogger(__name__)

NAMED_AFTER_S = 60.0
"""So long a task fails before readiness names it."""
FORGIVEN_AFTER_S = 60.0
"""A task that does not say when it works has recovered when it has not failed for so long."""
HANGS_AFTER_S = 300.0
"""A task that says when it works, and has said nothing for so long, hangs."""


class Health:
    """Whether one background task works. Its time is wall time, however fast business time runs."""

    def __init__(self, name: str, metrics: Metrics, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self._metrics = metrics
        self._clock = clock
        self._since: float | None = None
        self._latest = 0.0
        self._failure = ""
        self._worked_at: float | None = None
        metrics.task_failures.labels(name)
        metrics.task_failing.labels(name).set_function(self.failing_s)

    def failed(self, error: BaseException) -> None:
        """One more failure, counted."""
        self._metrics.task_failures.labels(self.name).inc()
        now = self._clock()
        self.fails(now if self.failing_s() == 0 else self._since or now, f"{type(error).__name__}: {error}")

    def fails(self, since: float, failure: str) -> None:
        """It has failed since then (monotonic time), and has just failed again."""
        self._since, self._latest, self._failure = since, self._clock(), failure

    def worked(self) -> None:
        """It has just done its work. Who says so once says so again and again, or is taken to hang."""
        self._since, self._worked_at = None, self._clock()

    def failing_s(self) -> float:
        """For how many seconds it has failed without success, or hung; 0 when it works."""
        now = self._clock()
        if self._since is not None and now - self._latest <= FORGIVEN_AFTER_S:
            return now - self._since
        silent_s = now - self._worked_at if self._worked_at is not None else 0.0
        return silent_s if silent_s > HANGS_AFTER_S else 0.0

    def complaint(self) -> str | None:
        """What to tell of it; None while it works, and in the first minute of failing."""
        failing_s = self.failing_s()
        if failing_s < NAMED_AFTER_S:
            return None
        if self._since is None:
            return f"task {self.name} has done nothing for {failing_s:.0f} s"
        return f"task {self.name} has failed for {failing_s:.0f} s: {self._failure}"


async def forever(health: Health, work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` until cancelled; a crash is counted and logged, and `work` starts again."""
    while True:
        try:
            await work()
        except Exception as error:
            health.failed(error)
            log.exception(
                "a background task failed; it starts again",
                extra={
                    "sparing": f"task {health.name}",
                    "fields": {"task": health.name, "failure": f"{type(error).__name__}: {error}"},
                },
            )
        await asyncio.sleep(1)
