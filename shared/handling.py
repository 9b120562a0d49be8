"""What a service declares that it reads, and what its handlers may use."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared.clock import Clock
from shared.database import Database
from shared.events import Received
from shared.settings import Settings
from shared.telemetry import Metrics


@dataclass(frozen=True, slots=True)
class HandlerContext:
    """What a handler may use."""

    settings: Settings
    db: Database
    clock: Clock
    metrics: Metrics


Handler = Callable[[list[Received], HandlerContext], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Declaration:
    topics: tuple[str, ...]
    group: str
    handler: Handler
    at_once: int = 1
    """So many batches may be handled at the same time, and commit in any order."""
