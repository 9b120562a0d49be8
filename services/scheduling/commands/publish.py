"""From changed entities to outbox rows."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from uuid import uuid4

from services.scheduling.domain.timetable import WIB
from services.scheduling.store import directory
from shared.database import Tx
from shared.events import CalendarChanged, EmployeeChanged, Event, UnitChanged, source_of
from shared.outbox import Outgoing, add

SOURCE = source_of("scheduling")
Watch = Callable[[int], None]
_PART = 500
"""Events encoded between two looks at the event loop: about 15 ms of work."""


def _silent(count: int) -> None:
    """Nobody watches."""


async def send(tx: Tx, events: Iterable[Event], now: datetime, *, watch: Watch = _silent) -> int:
    """Publish `events` with `tx`, in order; gives way to other requests between parts. Returns how many.

    `watch` hears how many there are so far.
    """
    count = 0
    part: list[Outgoing] = []
    for event in events:
        part.append(Outgoing(event, uuid4(), now))
        if len(part) == _PART:
            count += len(part)
            await add(tx, part, source=SOURCE)
            part = []
            watch(count)
            await asyncio.sleep(0)
    await add(tx, part, source=SOURCE)
    return count + len(part)


async def directory_changes(tx: Tx, now: datetime, *, watch: Watch = _silent) -> int:
    """Publish every unit, employee and calendar year that differs from what was last published."""
    connection = tx.connection
    units = await directory.changed_units(connection)
    employees = await directory.changed_employees(connection, now.astimezone(WIB).date())
    years = await directory.changed_years(connection)
    sent = await send(tx, _events(UnitChanged, units), now)
    sent += await send(tx, _events(EmployeeChanged, employees), now, watch=watch)
    return sent + await send(tx, _events(CalendarChanged, years), now)


def _events(event: type[Event], entries: Sequence[directory.Entry]) -> Iterable[Event]:
    return (event.model_validate({**entry.body, "revision": entry.revision}) for entry in entries)
