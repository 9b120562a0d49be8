"""The queue of what is to be computed anew, in memory: its rows, and statements that do to them what SQL does."""

import asyncio
import copy
import datetime as dt
from collections.abc import AsyncGenerator, Collection, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, fields
from typing import Any
from uuid import UUID

import pytest

from services.reporting.commands import steps
from services.reporting.store.notices import Changed
from services.reporting.store.steps import Counter, Date, Taken
from services.reporting.store.waiting import Waiting
from services.reporting.tasks import steps as keeping

TODAY, YESTERDAY = dt.date(2025, 11, 6), dt.date(2025, 11, 5)
Day = tuple[dt.date, UUID]


def someone(n: int) -> UUID:
    return UUID(int=n)


@dataclass
class Rows:
    """What a transaction may change."""

    days: set[Day] = field(default_factory=set[Day])
    dates: dict[dt.date, UUID | None] = field(default_factory=dict[dt.date, UUID | None])
    every_date: bool = False
    counters: set[Counter] = field(default_factory=set[Counter])
    computed: list[Day] = field(default_factory=list[Day])
    counted: list[Counter] = field(default_factory=list[Counter])
    told: list[Changed] = field(default_factory=list[Changed])
    budgets: set[str] = field(default_factory=set[str])
    """Units whose error budget is to be looked at."""
    log: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    """What each transaction did, and to how many."""
    checked_in: list[dt.datetime] = field(default_factory=list[dt.datetime])
    """When the check-ins among what is touched were accepted."""

    def copy(self) -> "Rows":
        return Rows(**{one.name: copy.copy(getattr(self, one.name)) for one in fields(self)})


class Queue:
    """The queue and the facts beneath it. It stands for the database, a transaction, and the statements."""

    def __init__(self) -> None:
        self.rows = Rows()
        self.planned: dict[dt.date, list[UUID]] = {}
        self.cannot: dict[UUID | str, Exception] = {}
        """People who cannot be computed and units that cannot be counted, and what that raises."""
        self.rebuilding = False
        self.heard: Any = None

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator["Queue"]:
        before = self.rows.copy()
        try:
            yield self
        except BaseException:
            self.rows = before
            raise

    @asynccontextmanager
    async def read(self) -> AsyncGenerator["Queue"]:
        yield self

    async def listen(self, channel: str, heard: Any, began: Any) -> None:
        self.heard = heard
        began()
        await asyncio.Event().wait()

    async def may_compute(self, _: object) -> bool:
        return not self.rebuilding

    async def take_people(self, _: object, today: dt.date, limit: int, but: Collection[Day]) -> Taken | None:
        free = sorted(self.rows.days - set(but), key=lambda day: (abs(day[0] - today), day))
        if not free:
            return None
        date = free[0][0]
        mine = await self.take_these(_, date, [person for day, person in free if day == date][:limit])
        return Taken(date, mine, self.rows.checked_in)

    async def take_these(self, _: object, date: dt.date, people: Sequence[UUID]) -> list[UUID]:
        taken = [person for person in people if (date, person) in self.rows.days]
        self.rows.days -= {(date, person) for person in taken}
        return taken

    async def compute(
        self, _: object, date: dt.date, people: Sequence[UUID], announced_from: dt.date, *, whole: bool = False
    ) -> list[UUID]:
        assert announced_from < TODAY
        for person in people:
            if (error := self.cannot.get(person)) is not None:
                raise type(error)(*error.args)
        self.rows.computed += [(date, person) for person in people]
        self.rows.log.append(("date" if whole else "people", len(people)))
        return list(people)

    async def take_counters(
        self, _: object, today: dt.date, limit: int, but: Collection[str] = ()
    ) -> dict[Counter, int]:
        free = sorted(counter for counter in self.rows.counters if counter.unit_id not in but)
        return dict.fromkeys(free[:limit], 0)

    async def take_these_counters(self, _: object, counters: Collection[Counter]) -> dict[Counter, int]:
        return {counter: 0 for counter in counters if counter in self.rows.counters}

    async def counted(self, _: object, taken: Mapping[Counter, int]) -> None:
        self.rows.counters -= set(taken)

    async def count(self, _: object, counters: Sequence[Counter]) -> None:
        for counter in counters:
            if (error := self.cannot.get(counter.unit_id)) is not None:
                raise type(error)(*error.args)
        self.rows.counted += counters
        if counters:
            self.rows.log.append(("counters", len(counters)))

    async def take_date(self, _: object, today: dt.date) -> Date | None:
        nearest = min(self.rows.dates, key=lambda date: abs(date - today), default=None)
        return None if nearest is None else Date(nearest, self.rows.dates[nearest])

    async def lock_date(self, _: object, date: Date) -> bool:
        return date.date in self.rows.dates and self.rows.dates[date.date] == date.done_to

    async def people_of(self, _: object, date: Date, limit: int) -> list[UUID]:
        planned = sorted(self.planned.get(date.date, ()))
        return [person for person in planned if date.done_to is None or person > date.done_to][:limit]

    async def advance(self, _: object, date: dt.date, done_to: UUID) -> None:
        self.rows.dates[date] = done_to

    async def end_date(self, _: object, date: dt.date) -> None:
        del self.rows.dates[date]

    async def touch(self, _: object, days: Collection[Day]) -> None:
        self.rows.days |= set(days)

    async def split(self, _: object) -> int:
        if not self.rows.every_date:
            return 0
        self.rows.every_date = False
        self.rows.dates |= dict.fromkeys(self.planned)
        return len(self.planned)

    async def tell(self, _: object, changed: Changed) -> None:
        self.rows.told.append(changed)

    async def touch_budgets(self, _: object, unit_ids: Collection[str]) -> None:
        self.rows.budgets |= set(unit_ids)

    async def anything(self, _: object) -> bool:
        return bool(self.rows.days or self.rows.dates or self.rows.every_date)

    async def dates_left(self, _: object) -> int:
        return len(self.rows.dates) + self.rows.every_date

    async def nobody_computes(self, _: object) -> None:
        pass  # every transaction here is over before the next begins

    async def waiting(self, _: object) -> Waiting:
        days, counters = len(self.rows.days) + len(self.rows.dates), len(self.rows.counters)
        return Waiting(days, counters, 1.5 if days or counters else 0.0)


@contextmanager
def standing_in(queue: Queue) -> Generator[Any]:
    """`queue` as a Database, with its methods in the place of the statements."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("may_compute", "take_people", "take_these", "compute", "take_counters", "take_these_counters",
                     "counted", "take_date", "lock_date", "people_of", "advance", "end_date", "touch", "split",
                     "anything", "dates_left", "nobody_computes"):  # fmt: skip
            patch.setattr(steps.store, name, getattr(queue, name))
        patch.setattr(keeping.store, "waiting", queue.waiting)
        patch.setattr(steps.counter_days, "count", queue.count)
        patch.setattr(steps.notices, "tell", queue.tell)
        patch.setattr(steps.budget, "touch", queue.touch_budgets)
        yield queue
