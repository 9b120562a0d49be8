"""The ticker: announces what changed, once, and never decides anything.

Every second or so it takes the person-days of which a step has come due, or whose steps were computed anew, looks
up the states that hold now, compares them with those last announced, and publishes the differences through the
outbox of the same transaction. So a round costs what has changed since the last, whatever the size of the city. An
advisory lock lets one ticker work at a time.

What counts as a transition: leaving `pending`, and any later change. The first state of a person-day is stored in
silence. One that is first seen while its day still runs was `pending` this morning, so whatever it has left
`pending` for is a transition; one that is first seen later is history. A service point never seen was closed.

Revisions: `compliance.changed.v1` counts per person-day, so two duties of one may share a revision; the event id
is uuid5 of topic, `<employee_id>/<work_date>/<duty>` and revision. `coverage.changed.v1` counts per unit.
"""

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Sequence

from services.reporting.domain.transitions import announced_from, changes, transition_id
from services.reporting.store import gone, transitions
from services.reporting.store.transitions import CounterChange, DayChange
from shared import failures, outbox
from shared.database import Database, Tx
from shared.dates import local_date
from shared.events import ComplianceChanged, CoverageChanged, source_of
from shared.failures import Fault
from shared.outbox import Outgoing
from shared.service import Service

log = logging.getLogger(__name__)

SOURCE = source_of("reporting")
PERIOD_S = 1.0
DUTY_CYCLE = 0.5
"""The ticker works at most this share of wall time: when a deadline passes for a whole city, its announcements
leave the database and this process some time for those who come in."""

BUDGET_S = 1.0
"""After so long in one round the rest waits for the next, so that today comes first again."""

PEOPLE_AT_ONCE = 1000
"""Of one transaction: their announcements are made in some 20 ms, in which the process does nothing else."""


async def ticker(service: Service) -> None:
    """Background task of the reporting service; runs until cancelled.

    Judges as of the instant at which the round before began: check-ins of the last second may still be on their
    way, and someone who came in the last second must not be told first that they are late.
    """
    as_of = service.clock.now()
    spent = 0.0
    while True:
        await asyncio.sleep(max(PERIOD_S - spent, spent * (1 / DUTY_CYCLE - 1)))
        started, now = time.perf_counter(), service.clock.now()
        await tick(service.db, as_of)
        service.health["transitions"].worked()
        as_of = now
        spent = time.perf_counter() - started


async def tick(db: Database, now: dt.datetime) -> int:
    """One round as of business time `now`; returns how many events it put into the outbox.

    The counters and each work date are announced in transactions of their own: what cannot be judged is left out,
    and raised as an ExceptionGroup once all the others have been announced.
    """
    started = time.perf_counter()
    today = local_date(now)
    first = announced_from(today)
    async with db.transaction() as tx:
        if not await transitions.may_announce(tx):
            return 0
        await transitions.forget(tx, first)
        dates = await transitions.dates_due(tx, first, today, now)
    set_back: list[Exception] = []
    published = await _announce_counters(db, None, today, now, set_back)
    try:
        async with db.transaction() as tx:
            if await transitions.may_announce(tx):
                published += await _announce_gone(tx, first, now)
    except Exception as error:
        _set_back(set_back, error, "what only a disowned event knew")
    until, looked = started + BUDGET_S, 0
    for date in dates:
        # Two at least: today's rush must not starve the other dates.
        if looked >= 2 and time.perf_counter() > until:
            break
        try:
            published += await _announce_date(db, date, now, today, until)
        except Exception as error:
            _set_back(set_back, error, f"work date {date}")
        else:
            looked += 1
    if set_back:
        raise ExceptionGroup("facts that cannot be judged; everything else was announced", set_back)
    return published


def _set_back(those: list[Exception] | None, error: Exception, what: str) -> None:
    """Note what cannot be judged; raises `error` if its reason does not lie in the facts: then others wait too."""
    if failures.fault_of(error) is not Fault.DATA:
        raise error
    if those is not None:
        error.add_note(what)
        those.append(error)


async def _announce_counters(
    db: Database, units: Sequence[str] | None, today: dt.date, now: dt.datetime, set_back: list[Exception]
) -> int:
    """All (None) at once; where that fails, half and half, down to the unit that cannot be judged."""
    try:
        async with db.transaction() as tx:
            if not await transitions.may_announce(tx):
                return 0
            return await _announce_coverage(tx, units, today, now)
    except Exception as error:
        alone = units[0] if units is not None and len(units) == 1 else None
        _set_back(None if alone is None else set_back, error, f"unit {alone}")
        if alone is not None:
            return 0
        if units is None:
            async with db.read() as tx:
                units = await transitions.units(tx)
            if not units:  # no unit is to blame
                raise
    half, published = len(units) // 2, 0
    for part in (units[:half], units[half:]):
        if part:
            published += await _announce_counters(db, part, today, now, set_back)
    return published


async def _announce_coverage(tx: Tx, units: Sequence[str] | None, today: dt.date, now: dt.datetime) -> int:
    return await _publish(tx, [_counter(change, now) for change in await transitions.cover(tx, today, now, units)])


async def _announce_gone(tx: Tx, first: dt.date, now: dt.datetime) -> int:
    """What was said of a plan or a counter that only a disowned event knew: no duty is due, no counter is open."""
    duties = _duties(await gone.days(tx, first), now)
    counters = [_counter(change, now) for change in await gone.counters(tx)]
    return await _publish(tx, duties) + await _publish(tx, counters)


async def _announce_date(db: Database, date: dt.date, now: dt.datetime, today: dt.date, until: float) -> int:
    """One work date, in as many transactions as it takes, the first of them even after `until`."""
    published = 0
    while True:
        async with db.transaction() as tx:
            if not await transitions.may_announce(tx):
                return published
            people = await transitions.take_due(tx, date, now, PEOPLE_AT_ONCE)
            if people:
                changed = await transitions.look(tx, date, people, now, today)
                published += await _publish(tx, _duties(changed, now))
        if len(people) < PEOPLE_AT_ONCE or time.perf_counter() > until:
            return published


def _duties(changed: Sequence[DayChange], now: dt.datetime) -> list[Outgoing]:
    """An event for each duty whose state is another."""
    return [
        _outgoing(
            ComplianceChanged(
                employee_id=day.employee_id,
                opd_code=day.opd_code,
                work_date=day.work_date,
                duty=change.duty,
                revision=day.revision,
                state=change.state,
                previous=change.previous,
                as_of=now,
                rules_version=day.rules_version,
            ),
            f"{day.employee_id}/{day.work_date}/{change.duty}",
            now,
        )
        for day in changed
        for change in changes(day.previous, day.code)
    ]


def _counter(change: CounterChange, now: dt.datetime) -> Outgoing:
    return _outgoing(CoverageChanged(**change._asdict(), as_of=now), change.unit_id, now)


def _outgoing(event: ComplianceChanged | CoverageChanged, key: str, now: dt.datetime) -> Outgoing:
    return Outgoing(event, transition_id(event.topic, key, event.revision), now)


async def _publish(tx: Tx, outgoing: list[Outgoing]) -> int:
    await outbox.add(tx, outgoing, source=SOURCE)
    return len(outgoing)
