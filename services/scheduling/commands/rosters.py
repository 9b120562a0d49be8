"""Rosters: a draft of the span's plans, and its publication."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from services.scheduling.commands import plans
from services.scheduling.commands.compute import compute
from services.scheduling.domain.frame import UnitRoster
from services.scheduling.domain.planning import MODES, NONE, REASONS, WFH, WFO, Method, Span, UnitInput
from services.scheduling.domain.timetable import Hours, instant
from services.scheduling.models import Proposal
from services.scheduling.store import directory, inputs
from services.scheduling.store.inputs import Wanted
from services.scheduling.store.rosters import PlanRow
from shared.auth import Principal
from shared.clock import Clock
from shared.database import Database


@dataclass(frozen=True, slots=True)
class Draft:
    """A computed roster that nobody has published yet."""

    span: Span
    units: Sequence[UnitInput]
    results: Sequence[UnitRoster]


async def draft(
    db: Database, wanted: Wanted, span: Span, *, method: Method = "auto", fresh: bool = False
) -> Draft:
    """Plan the span, with the calendar's holidays; nothing is written."""
    async with db.read() as tx:
        holidays = await inputs.holidays(tx.connection, span.first, span.last)
        parts = [part async for part in inputs.units(tx.connection, wanted, span.first, span.last, fresh=fresh)]
    units = [unit for part in parts for unit in part if unit.people]
    span = replace(span, holidays=holidays)
    return Draft(span, units, await compute(units, span, method))


async def redraft(drafted: Draft, span: Span, *, method: Method = "auto") -> Draft:
    """The same people under other policies."""
    return Draft(span, drafted.units, await compute(drafted.units, span, method))


def plan_rows(drafted: Draft) -> Iterator[PlanRow]:
    """The plans of a draft, unit by unit; one at a time, so that a month of the city stays small in memory."""
    days = drafted.span.days
    known: dict[tuple[int, Hours], tuple[dt.datetime, dt.datetime]] = {}
    for unit, result in zip(drafted.units, drafted.results, strict=True):
        for person, modes, reasons in zip(unit.people, result.modes, result.reasons, strict=True):
            worked = result.hours[person.pattern]
            for number, mode in enumerate(modes):
                if mode == NONE:
                    continue
                hours = worked[number + 1] if mode in (WFO, WFH) else None
                starts_at = ends_at = None
                if hours is not None:
                    starts_at, ends_at = known.get((number, hours)) or known.setdefault(
                        (number, hours), (instant(days[number], hours[0]), instant(days[number], hours[1]))
                    )
                yield (
                    person.employee_id,
                    days[number],
                    unit.opd_code,
                    unit.unit_id,
                    MODES[mode],
                    starts_at,
                    ends_at,
                    result.policies[number] if hours else None,
                    REASONS[reasons[number]],
                )


async def publish_draft(
    db: Database, clock: Clock, who: Principal, drafted: Draft, *, reason: str | None
) -> tuple[int, Proposal | None]:
    """Publish what changed from today on; changes of past days become a proposal.

    Returns (how many plans changed, the proposal).
    """
    day = plans.today(clock)
    proposal = None
    if drafted.span.first < day:
        async with db.transaction() as tx:
            await directory.lock(tx.connection)
            past = (row for row in plan_rows(drafted) if row[1] < day)
            proposal = await plans.propose(tx, clock.now(), who, past, reason=reason)
    coming = (row for row in plan_rows(drafted) if row[1] >= day)
    return await plans.write_all(db, clock, coming), proposal
