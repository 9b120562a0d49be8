"""Rosters: preview, and publication of what changed."""

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

from services.scheduling.commands import publish
from services.scheduling.commands.compute import compute
from services.scheduling.domain.frame import UnitRoster
from services.scheduling.domain.planning import MODES, NONE, REASONS, WFH, WFO, Span, UnitInput
from services.scheduling.domain.timetable import WIB, Hours, instant
from services.scheduling.store import directory, rosters
from services.scheduling.store.rosters import PlanRow, Wanted
from shared.clock import Clock
from shared.database import Database
from shared.events import ScheduleChanged

PART = 5_000
"""Plans written and published in one transaction."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A computed roster that nobody has published yet."""

    span: Span
    units: Sequence[UnitInput]
    results: Sequence[UnitRoster]


async def draft(db: Database, wanted: Wanted, span: Span) -> Draft:
    """Plan the span, with the calendar's holidays; nothing is written."""
    async with db.read() as tx:
        holidays = await rosters.holidays(tx.connection, span.first, span.last)
        parts = [part async for part in rosters.units(tx.connection, wanted, span.first, span.last)]
    units = [unit for part in parts for unit in part if unit.people]
    span = replace(span, holidays=holidays)
    return Draft(span, units, await compute(units, span))


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


def _parts(rows: Iterator[PlanRow]) -> Iterator[list[PlanRow]]:
    part: list[PlanRow] = []
    for row in rows:
        part.append(row)
        if len(part) == PART:
            yield part
            part = []
    if part:
        yield part


async def publish_draft(db: Database, clock: Clock, drafted: Draft) -> int:
    """Write and publish the plans that changed, some thousands to a transaction. Returns how many.

    A crash in the middle leaves the rest undone; publishing the same roster again does that rest and no more.
    """
    changed = 0
    for part in _parts(plan_rows(drafted)):
        async with db.transaction() as tx:
            await directory.lock(tx.connection)
            rows = await rosters.merge(tx.connection, part)
            changed += await publish.send(tx, (ScheduleChanged(**dict(row)) for row in rows), clock.now())
        await asyncio.sleep(0)
    return changed


async def past_changes(db: Database, clock: Clock, drafted: Draft) -> int:
    """How many plans of days before today the draft would alter."""
    today = clock.now().astimezone(WIB).date()
    if drafted.span.first >= today:
        return 0
    count = 0
    async with db.read() as tx:
        for part in _parts(row for row in plan_rows(drafted) if row[1] < today):
            count += len(await rosters.changes(tx.connection, part))
    return count


def summary(drafted: Draft) -> dict[str, Any]:
    """What the officer sees of a draft: modes, reasons, fairness, and what cannot be satisfied."""
    modes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for result in drafted.results:
        joined = b"".join(result.modes)
        for number, name in enumerate(MODES):
            if number != NONE:
                modes[name] += joined.count(number)
        why = b"".join(result.reasons)
        for number, name in enumerate(REASONS):
            reasons[name] += why.count(number)
    shortages = [one for result in drafted.results for one in result.shortages]
    blocked = [one for result in drafted.results for one in result.blocked]
    return {
        "from": drafted.span.first,
        "to": drafted.span.last,
        "person_days": sum(modes.values()),
        "modes": {name: count for name, count in modes.items() if count},
        "reasons": {name: count for name, count in reasons.items() if count and name != "none"},
        "units": len(drafted.units),
        "spread": max((result.spread for result in drafted.results), default=0),
        "shortages": len(shortages),
        "blocked": len(blocked),
    }


def new_id() -> UUID:
    return uuid4()
