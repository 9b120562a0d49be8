"""The newest figures of today, for everyone who looks on: computed once a process, however many there are.

A subscriber is never queued for: they take the newest frame of each view when they are ready for one.
"""

import asyncio
import contextlib
import math
import time
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel

from services.reporting.domain.counters import CoverageFigures, UnitFigures
from services.reporting.views.figures import Board, OpdFigures, Reader, ShortCounter, View

VIEWS: tuple[View, ...] = ("city", "opds", "units")
SETTLE_S = 30.0
"""Wall seconds between two frames of a view in which only durations grew."""
SPACING_S: Mapping[View, float] = {"city": 0.025, "opds": 0.2, "units": 0.2}
"""Wall seconds between two frames of a view, while news follows news: a city's service points are 160 kB, and
nobody reads so many lines more often. The first news after a silence is shown at once."""


class OpdsFrame(BaseModel):
    """Every OPD that the reader may see; `next` as in the door of the same name, whose only page this is."""

    items: Sequence[OpdFigures]
    next: None = None


class UnitsFrame(BaseModel):
    """Every service point, what they come to together, and those that are short, the worst first."""

    items: Sequence[UnitFigures]
    next: None = None
    coverage: CoverageFigures
    short: Sequence[ShortCounter]


@dataclass(slots=True)
class Frame:
    """The newest state of one view, made when first asked for. `shape` is what makes it news."""

    view: View
    version: int
    board: Board
    shape: object
    at: float
    _encoded: dict[Reader, bytes] = field(default_factory=dict[Reader, bytes])

    def encoded(self, reader: Reader) -> bytes:
        """The view as JSON, as far as the reader may see it."""
        if reader not in self._encoded:
            self._encoded[reader] = self._shown(reader).model_dump_json(by_alias=True).encode()
        return self._encoded[reader]

    def _shown(self, reader: Reader) -> BaseModel:
        if self.view == "city":
            return self.board.city(reader)
        if self.view == "opds":
            return OpdsFrame(items=self.board.opds(reader))
        board = self.board
        return UnitsFrame(items=board.units(), coverage=board.coverage(), short=board.short())


def _shape(view: View, board: Board) -> object:
    """What a frame of `view` says beside the moment and the durations, which change with every tick."""
    if view == "units":
        return board.counted, [
            (counter.point, counter.status, counter.required, counter.present_low, counter.present_high)
            for counter in board.counters
        ]
    statuses = Counter((counter.point.opd_code, counter.status) for counter in board.counters)
    return board.date, board.people, board.opd_names, board.counted, statuses


class Live:
    """The newest frames, and who waits for newer ones. `wanted` is set when somebody new looks on."""

    def __init__(self) -> None:
        self.wanted = asyncio.Event()
        self._frames: dict[View, Frame] = {}
        self._version = 0
        self._subscribers: set[asyncio.Event] = set()

    @property
    def followed(self) -> bool:
        return bool(self._subscribers)

    @contextlib.contextmanager
    def subscription(self) -> Generator[asyncio.Event]:
        """An event that is set when there is something new, or when it is time to go."""
        news = asyncio.Event()
        self._subscribers.add(news)
        self.wanted.set()
        try:
            yield news
        finally:
            self._subscribers.discard(news)
            if not self._subscribers:
                self._frames.clear()  # whoever comes next must not be shown the past

    def frame(self, view: View) -> Frame | None:
        return self._frames.get(view)

    def publish(self, board: Board) -> float:
        """Take the newest board; what is no news makes a frame only once in a while.

        Returns after how many wall seconds a view may have a frame that it may not have yet.
        """
        if not self._subscribers:
            return SETTLE_S  # they left while it was computed, and whoever comes next must not be shown the past
        now, again_at, version = time.monotonic(), math.inf, self._version
        for view in VIEWS:
            old = self._frames.get(view)
            due_at = now if old is None else old.at + SPACING_S[view]
            if due_at <= now:  # what is too early in any case is not compared
                shape = _shape(view, board)
                if old is None or old.shape != shape or old.at + SETTLE_S <= now:
                    self._version += 1
                    self._frames[view] = old = Frame(view, self._version, board, shape, now)
                due_at = old.at + SETTLE_S
            again_at = min(again_at, due_at)
        if self._version != version:
            self.wake()
        return again_at - now

    def wake(self) -> None:
        """Every subscriber looks up."""
        for news in self._subscribers:
            news.set()
