"""Taking in what the services say, and what a batch of it leaves to be judged again (docs/rules.md#facts)."""

import datetime as dt
from collections.abc import Sequence
from typing import Protocol, cast
from uuid import UUID

from services.reporting.domain.kept import kept_from
from services.reporting.facts import PROJECTION, FactUnit
from services.reporting.store import facts as store
from services.reporting.store import gone, notices, steps
from services.reporting.store.notices import subject_of
from shared import spans, trace, under_way
from shared.bus import HandlerContext
from shared.database import Database, Tx
from shared.dates import local_date
from shared.events import (
    AttendanceRecorded,
    AttendanceVoided,
    Received,
    ReportReviewed,
    ReportSubmitted,
    ScheduleChanged,
    UnitChanged,
)
from shared.facts import shape
from shared.repairs import Repaired
from shared.telemetry import Metrics


class _OfADay(Protocol):
    """An event that is about one work date."""

    work_date: dt.date


class _OfAPerson(_OfADay, Protocol):
    """One that is about one person, at a unit if it is a punch."""

    employee_id: UUID
    unit_id: str


_OF_ONE_DAY = {event.topic for event in (ScheduleChanged, AttendanceRecorded, ReportSubmitted, ReportReviewed)}


async def take_in(batch: list[Received], context: HandlerContext) -> None:
    """The consumer's handler: one transaction for each topic in a batch. They commute, and so do batches."""
    for part in PROJECTION.parts(still_kept(batch, context)):
        async with context.db.transaction() as tx:
            await apply(tx, part, context.metrics)


def still_kept(batch: list[Received], context: HandlerContext) -> list[Received]:
    """A batch without facts about people's days that are too old to be kept: what was deleted does not come back.

    A void stays, whatever date it says: its punch may be of a later one.
    """
    first = kept_from(local_date(context.clock.now()), context.settings.keep_facts_months)
    if first is None:
        return batch
    return [one for one in batch if not (one.type in _OF_ONE_DAY and cast("_OfADay", one.given).work_date < first)]


async def apply(tx: Tx, batch: Sequence[Received], metrics: Metrics | None = None) -> None:
    """Join a batch into the fact tables, note what is to be computed anew and wake who computes it.

    Disowned events are left out. What the facts of people's days touched is noted with them (`Fact.noting`).
    """
    kinds = {received.type for received in batch}
    if AttendanceVoided.topic in kinds:
        await store.void(tx)
    elif AttendanceRecorded.topic in kinds:
        await store.punch(tx)
    fold = {fact: folded for fact, folded in (await PROJECTION.fold(tx, batch, metrics)).items() if folded.written}
    if FactUnit in fold:
        units = [received.event for received in fold[FactUnit].received]
        await steps.touch_units(tx, {unit.unit_id for unit in units if isinstance(unit, UnitChanged)})
        # A name, or a new service point at which nobody is to be, is shown without anything being computed.
        await notices.tell(tx, notices.Changed(None, (), None))
    if fold:
        await store.tell(tx)
    if spans.of("reporting") is not None:
        await under_way.note(tx, _traces(batch))


def _traces(batch: Sequence[Received]) -> dict[str, str | None]:
    """Because of which record a person-day, or a counter's date, is computed and announced anew."""
    traces: dict[str, str | None] = {}
    for one in batch:
        if one.type in _OF_ONE_DAY:
            about = cast("_OfAPerson", one.given)
            subjects = {subject_of(about.employee_id, about.work_date)}
            if one.type == AttendanceRecorded.topic:
                subjects.add(subject_of(about.unit_id, about.work_date))
            traces |= dict.fromkeys(subjects, trace.because_of(one.id))
    return traces


async def rejoin(tx: Tx, repaired: Repaired, context: HandlerContext) -> None:
    """What is gone may have had any date, and what it hid another one: every verdict is looked at again."""
    await apply(tx, still_kept(list(repaired.events), context), context.metrics)
    if repaired.topic == ScheduleChanged.topic:
        await gone.note_plans(tx, repaired.gone)
    elif repaired.topic == UnitChanged.topic:
        await gone.note_units(tx, repaired.gone)
    fact = PROJECTION.by_topic[repaired.topic]
    if fact is FactUnit:
        await steps.touch_units(tx, {row["unit_id"] for row in repaired.gone})
    elif fact.noting is not None:
        await steps.touch_rows(tx, shape(fact).name, fact.noting, repaired.gone)
    await store.tell(tx)


async def digest(db: Database) -> str:
    """SHA-256 over the fact tables, row for row in key order, as hexadecimal text: the name of these facts.

    It depends on the facts alone, not on the order or the number of times in which they came.
    """
    async with db.read() as tx:
        return await store.digest(tx, [(table.name, table.key) for table in PROJECTION.tables])
