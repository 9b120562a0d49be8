"""How a service ends: one deadline, and for each step what the steps before it have left."""

import asyncio
import math
import time

GRACE_S = 20.0
"""From the signal to the end. Who waits for a service waits longer: `stop_grace_period` in docker-compose.yml,
and the patience of deploy/local."""

FOR_THE_REST_S = 8.0
"""What open requests leave of it to the consumers, the relay and the tasks."""

FOR_THE_DATABASE_S = 2.0
"""What those leave of it to the connections that they give back."""


class Stopping(asyncio.Event):
    """Set when a service is asked to stop. From then on its time runs."""

    def __init__(self, grace_s: float | None = None) -> None:
        super().__init__()
        self._grace_s = GRACE_S if grace_s is None else grace_s
        self._until = math.inf

    def set(self) -> None:
        """The first time counts: asked again, a service has no more time than before."""
        self._until = min(self._until, time.monotonic() + self._grace_s)
        super().set()

    def left(self, *, keep: float = 0.0) -> float:
        """Seconds that a step may still take, `keep` of them being those of the steps after it."""
        return max(0.0, min(self._grace_s, self._until - time.monotonic()) - keep)
