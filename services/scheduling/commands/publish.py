"""From changed entities to outbox rows."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from pydantic import ValidationError

from services.scheduling.store import directory
from services.scheduling.views.people import Withheld, WrongField
from shared.database import Tx
from shared.dates import local_date
from shared.events import CalendarChanged, EmployeeChanged, Event, UnitChanged, source_of
from shared.outbox import Outgoing, add

log = logging.getLogger(__name__)

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


@dataclass(slots=True)
class Sent:
    """What a publication of the directory did: events sent, and entries that are not as the contract has them."""

    count: int = 0
    withheld: list[Withheld] = field(default_factory=list[Withheld])
    """By topic and key, the fields and what is wanted there; the values never: one may be a NIP."""


async def directory_changes(tx: Tx, now: datetime, *, watch: Watch = _silent) -> Sent:
    """Publish every unit, employee and calendar year that differs from what was last published.

    A row from before a bound of the contract was drawn, or from a database that was mended by hand, keeps nobody
    else's entry back: it is withheld and named, and tried again with each publication until it is mended.
    """
    units = await directory.changed_units(tx)
    employees = await directory.changed_employees(tx, local_date(now))
    years = await directory.changed_years(tx)
    sent = Sent()
    sent.count += await send(tx, _events(UnitChanged, units, sent), now)
    sent.count += await send(tx, _events(EmployeeChanged, employees, sent), now, watch=watch)
    sent.count += await send(tx, _events(CalendarChanged, years, sent), now)
    for topic in {entry.topic for entry in sent.withheld}:
        keys = [entry.key for entry in sent.withheld if entry.topic == topic]
        await directory.withhold(tx, topic, keys)
    return sent


def _events(event: type[Event], entries: Sequence[directory.Entry], sent: Sent) -> Iterable[Event]:
    for entry in entries:
        try:
            yield event.model_validate({**entry.body, "revision": entry.revision})
        except ValidationError as invalid:
            errors = invalid.errors(include_url=False, include_context=False, include_input=False)
            wrong = [
                WrongField(field=".".join(map(str, error["loc"])), message=error["msg"]) for error in errors[:20]
            ]
            withheld = Withheld(topic=event.topic, key=str(entry.body[event.key_field]), errors=wrong)
            sent.withheld.append(withheld)
            log.warning(
                "an entry of the directory is not as the contract has it and is withheld; import it again, mended",
                extra={"sparing": f"withheld {withheld.key}", "fields": withheld.model_dump()},
            )
