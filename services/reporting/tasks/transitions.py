"""The ticker: announces what changed, once, and never decides anything.

Every second or so it takes the person-days of which a step has come due, or whose steps were computed anew, looks
up the states that hold now, compares them with those last announced, and publishes the differences through the
outbox of the same transaction. So a round costs what has changed since the last, whatever the size of the city. An
advisory lock lets one ticker work at a time.

What counts as a transition: leaving `pending`, and any later change. The first state of a person-day is stored in
silence. One that is first seen while its day still runs was `pending` this morning, so whatever it has left
`pending` for is a transition; one that is first seen later is history. A service point never seen was closed.

A counter that was counted anew is announced at once: of two seconds in which nobody stands at it, one is not spent
on waiting. Only what the clock alone has changed, more people that it needs, waits for those on their way.

Revisions: `compliance.changed.v1` counts per person-day, so two duties of one may share a revision; the event id
is uuid5 of topic, `<employee_id>/<work_date>/<duty>` and revision. `coverage.changed.v1` counts per unit.
"""

import asyncio
import datetime as dt
import logging
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from msgspec.structs import replace

from services.reporting.domain.transitions import announced_from, changes, transition_id
from services.reporting.store import gone, notices, transitions
from services.reporting.store.transitions import CounterChange, DayChange
from shared import failures, outbox, spans, under_way
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

LAG = dt.timedelta(seconds=1)
"""So long what the clock alone changes is not announced yet: check-ins of that time may still be on their way."""

COUNTERS_EVERY_S = 0.05
"""Wall seconds between two looks at counters that were counted anew, while more and more are."""

PEOPLE_AT_ONCE = 150
"""Of one transaction: their announcements are made in some 4 ms, in which the process does nothing else."""


@dataclass(frozen=True)
class _Round:
    """One look at everything: at people as of business time `now`, at counters as of `counters_at`."""

    db: Database
    now: dt.datetime
    counters_at: dt.datetime
    left_out: set[str] | None
    set_back: list[Exception] = field(default_factory=list[Exception])
    """Facts that cannot be judged; everything else is announced."""

    @property
    def today(self) -> dt.date:
        return local_date(self.now)

    def without(self, error: Exception, what: str) -> None:
        """Note what cannot be judged; raises `error` where its reason is not in the facts: all others wait too."""
        if failures.fault_of(error) is not Fault.DATA:
            raise error
        error.add_note(what)
        self.set_back.append(error)


async def ticker(service: Service) -> None:
    """Background task of the reporting service; runs until cancelled."""
    counted = _Counted(service)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_rounds(service))
        tasks.create_task(counted.listen())
        tasks.create_task(counted.announce())


async def _rounds(service: Service) -> None:
    """Judges people as of the instant at which the round before began: check-ins of the last second may still be
    on their way, and someone who came in the last second must not be told first that they are late.
    """
    as_of = service.clock.now()
    spent, left_out = 0.0, set[str]()
    while True:
        await asyncio.sleep(max(PERIOD_S - spent, 0.0))
        started, now = time.perf_counter(), service.clock.now()
        await tick(service.db, as_of, left_out, now)
        service.health["transitions"].worked()
        as_of = now
        spent = time.perf_counter() - started


class _Counted:
    """Announces counters as soon as they have been counted anew, here or in another replica."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._units: set[str] = set()
        self._woken = asyncio.Event()

    async def listen(self) -> None:
        """Notes what was counted; while the connection is away, the rounds serve."""
        await self._service.db.listen(notices.CHANNEL, self._heard, lambda: None)

    def _heard(self, payload: str) -> None:
        today = local_date(self._service.clock.now())
        # Too many to name are looked at by the next round.
        self._units |= {unit_id for day, unit_id in notices.heard(payload).counters or () if day == today}
        if self._units:
            self._woken.set()

    async def announce(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            units, self._units = self._units, set()
            if await announce_counted(self._service.db, self._service.clock.now(), sorted(units)) is None:
                self._units |= units  # once whoever announces now is done
                self._woken.set()
            await asyncio.sleep(COUNTERS_EVERY_S)


async def announce_counted(db: Database, now: dt.datetime, units: Sequence[str]) -> int | None:
    """Announce these counters as of business time `now`; returns how many changed, None while another announces.

    One that cannot be judged, or was touched again meanwhile, is left to the next round.
    """
    try:
        return await _announce(db, now, units, left_out=set(), needed_since=now - LAG)
    except Exception as error:
        if failures.fault_of(error) is not Fault.DATA:
            raise
        return 0


async def tick(
    db: Database, now: dt.datetime, left_out: set[str] | None = None, counters_at: dt.datetime | None = None
) -> int:
    """One round as of business time `now`; returns how many events it put into the outbox.

    Counters are looked at as of `counters_at`, `now` where it is not given: what they need more since `now` waits.

    The counters and each work date are announced in transactions of their own: what cannot be judged is left out,
    and raised as an ExceptionGroup once all the others have been announced. A counter where somebody has just
    checked in is counted in a moment: with `left_out` one round passes it over, and remembers it there.
    """
    until = time.perf_counter() + BUDGET_S
    this = _Round(db, now, counters_at or now, left_out)
    first = announced_from(this.today)
    async with _transaction(db) as tx:
        if not await transitions.may_announce(tx):
            return 0
        await transitions.forget(tx, first)
        dates = await transitions.dates_due(tx, first, this.today, now)
    published = await _announce_counters(this, None)
    try:
        async with _transaction(db) as tx:
            if await transitions.may_announce(tx):
                published += await _announce_gone(tx, first, now)
    except Exception as error:
        this.without(error, "what only a disowned event knew")
    looked = 0
    for date in dates:
        # Two at least: today's rush must not starve the other dates.
        if looked >= 2 and time.perf_counter() > until:
            break
        try:
            published += await _announce_date(this, date, until)
        except Exception as error:
            this.without(error, f"work date {date}")
        else:
            looked += 1
    if this.set_back:
        raise ExceptionGroup("facts that cannot be judged; everything else was announced", this.set_back)
    return published


@asynccontextmanager
async def _transaction(db: Database) -> AsyncGenerator[Tx]:
    """A transaction, and after it the rest that is due to everyone else."""
    started = time.perf_counter()
    async with db.transaction() as tx:
        yield tx
    await asyncio.sleep((time.perf_counter() - started) * (1 / DUTY_CYCLE - 1))


async def _announce_counters(this: _Round, units: Sequence[str] | None) -> int:
    """All (None) at once; where that fails, half and half, down to the unit that cannot be judged."""
    try:
        return (
            await _announce(this.db, this.counters_at, units, left_out=this.left_out, needed_since=this.now) or 0
        )
    except Exception as error:
        if failures.fault_of(error) is not Fault.DATA:
            raise
        if units is not None and len(units) == 1:
            this.without(error, f"unit {units[0]}")
            return 0
        if units is None:
            async with this.db.read() as tx:
                units = await transitions.units(tx)
            if not units:  # no unit is to blame
                raise
    half, published = len(units) // 2, 0
    for part in (units[:half], units[half:]):
        if part:
            published += await _announce_counters(this, part)
    return published


async def _announce(
    db: Database,
    now: dt.datetime,
    units: Sequence[str] | None,
    *,
    left_out: set[str] | None,
    needed_since: dt.datetime,
) -> int | None:
    """Announce counters, all or these, as of business time `now` (`transitions.cover`); how many changed, None
    while another announces."""
    async with _transaction(db) as tx:
        if not await transitions.may_announce(tx):
            return None
        changed = await transitions.cover(
            tx, local_date(now), now, units, left_out=left_out, needed_since=needed_since
        )
        return await _publish(tx, [_counter(change, now) for change in changed])


async def _announce_gone(tx: Tx, first: dt.date, now: dt.datetime) -> int:
    """What was said of a plan or a counter that only a disowned event knew: no duty is due, no counter is open."""
    duties = _duties(await gone.days(tx, first), now)
    counters = [_counter(change, now) for change in await gone.counters(tx)]
    return await _publish(tx, duties) + await _publish(tx, counters)


async def _announce_date(this: _Round, date: dt.date, until: float) -> int:
    """One work date, in as many transactions as it takes, the first of them even after `until`."""
    published = 0
    while True:
        async with _transaction(this.db) as tx:
            if not await transitions.may_announce(tx):
                return published
            people = await transitions.take_due(tx, date, this.now, PEOPLE_AT_ONCE)
            if people:
                changed = await transitions.look(tx, date, people, this.now, this.today)
                published += await _publish(tx, _duties(changed, this.now))
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


def _subject(event: object) -> str:
    """What a trace under way that led to an announcement is about."""
    if isinstance(event, ComplianceChanged):
        return notices.subject_of(event.employee_id, event.work_date)
    if isinstance(event, CoverageChanged):
        return notices.subject_of(event.unit_id, local_date(event.as_of))
    return ""


async def _publish(tx: Tx, outgoing: list[Outgoing]) -> int:
    if outgoing and spans.of("reporting") is not None:
        traces = await under_way.of(tx, {_subject(one.event) for one in outgoing})
        outgoing = [replace(one, trace=traces.get(_subject(one.event), one.trace)) for one in outgoing]
    await outbox.add(tx, outgoing, source=SOURCE)
    return len(outgoing)
