"""A server that we run as a local process: started on a port of ours, awaited, stopped."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from deploy.local.processes import Child, start_on_a_port
from deploy.local.state import State

START_TIMEOUT = 60.0
_RETRY_S = 0.05


@dataclass(slots=True)
class Server(ABC):
    """The server of one state directory. `start` may be called again after a crash: same port, same data."""

    state: State
    port: int = 0
    _child: Child | None = field(default=None, init=False)
    _has_answered: bool = field(default=False, init=False)

    name: str = field(default="", init=False)
    patience_s: float = field(default=START_TIMEOUT, init=False)
    """So long it may take to answer."""

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.alive

    @abstractmethod
    async def answers(self) -> bool:
        """Whether it does what it is there for, as of now."""

    async def start_child(self, title: str, child_on: Callable[[int], Awaitable[Child]]) -> None:
        """Start the child made for a port, and return when it answers. Raises StartFailed, with `title` for it.

        One that has answered before is waited for as long as it lives: after a crash it reads its logs again, and
        whoever ends it for being slow makes it begin anew, each time.
        """

        async def on(port: int) -> None:
            self.port = port
            child = self._child = await child_on(port)
            child.start()
            started = time.monotonic()
            while self._has_answered or time.monotonic() - started < self.patience_s:
                if not child.alive:
                    raise child.failed(f"{title} ended while starting")
                if await self.answers():
                    self._has_answered = True
                    return
                await asyncio.sleep(_RETRY_S)
            raise child.failed(f"{title} was not ready after {self.patience_s:.0f} s")

        await start_on_a_port(self.port, self.state.ports().get(self.name, 0), on, self.stop)
        self.state.remember_port(self.name, self.port)

    async def wait(self) -> int:
        return await self._child.wait() if self._child else 0

    async def stop(self) -> None:
        if self._child:
            await self._child.stop()
