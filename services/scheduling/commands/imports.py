"""The CSV imports: read, check, compare, then write and publish; or nothing at all.

A file may reach into plans that are published. Leave, duty travel and departures change them at once from today
on, and the answer names every counter that falls below its minimum. What a file alters about days that are over or
have begun waits for a second officer. What needs a new roster is listed by date.
"""

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from services.scheduling.commands import absences, people, plans, publish
from services.scheduling.commands import changes as later
from services.scheduling.commands.changes import Loss, losses
from services.scheduling.domain import csvfile, effects, imports
from services.scheduling.domain.csvfile import RowError
from services.scheduling.domain.effects import Stretch
from services.scheduling.domain.found import Found
from services.scheduling.domain.imports import Kind
from services.scheduling.domain.plans import Planned
from services.scheduling.domain.records import Absence, CalendarYear, Employee, Record
from services.scheduling.store import directory, late
from services.scheduling.store import plans as plans_store
from services.scheduling.store.tables import Proposal
from services.scheduling.views import superiors
from services.scheduling.views.superiors import Leaver
from shared.access import Principal
from shared.clock import Clock
from shared.database import Database, Tx
from shared.dates import local_date
from shared.refusals import Conflict

Watch = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Order:
    """Who imports, and how: `replace` lets a file of holidays take dates away, `reason` is for past days."""

    who: Principal
    dry_run: bool = False
    replace: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One record that an import makes or alters: the first row it comes from, and the fields that differ."""

    row: int
    change: str
    columns: Sequence[str]


@dataclass(slots=True)
class Outcome:
    """What an import did, or in a dry run would do. `applied` is False while it waits for a second officer."""

    rows: int
    created: int
    changed: int
    unchanged: int
    changes: Sequence[Change]
    doubts: Sequence[RowError]
    applied: bool = True
    published: int = 0
    withheld: Sequence[dict[str, Any]] = ()
    """Entries, of this file or from before, that are stored and cannot be published."""
    plans: int = 0
    past: int = 0
    """Person-days that it alters late: they are over or have begun."""
    proposal: Proposal | None = None
    below_minimum: Sequence[Loss] = ()
    needs_roster: Sequence[tuple[dt.date, int]] = ()
    removed: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    kept: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    cleared: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """Stored values that an empty cell takes away: by row, the columns and whose they are."""
    leavers: Sequence[Leaver] = ()
    left_behind: Sequence[dict[str, Any]] = ()
    without_superior: Sequence[dict[str, Any]] = ()


class _DryRun(Exception):
    """Rolls back: a dry run is the run itself, without its end."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__("dry run")
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class _Job:
    tx: Tx
    kind: Kind
    now: dt.datetime
    order: Order
    stored: Mapping[object, Record]
    records: Sequence[Record]
    outcome: Outcome

    @property
    def today(self) -> dt.date:
        return local_date(self.now)


def _differences(found: Sequence[Found], stored: Mapping[object, Record]) -> tuple[list[Change], list[Record]]:
    changes: list[Change] = []
    records: list[Record] = []
    for one in found:
        before = stored.get(directory.key_of(one.record))
        if before == one.record:
            continue
        columns: list[str] = []
        if before is not None:
            names = [name.name for name in fields(one.record)]
            columns = [name for name in names if getattr(before, name) != getattr(one.record, name)]
        changes.append(Change(one.rows[0] if one.rows else 0, "changed" if before else "created", columns))
        records.append(one.record)
    return changes, records


def silent(stage: str, count: int) -> None:
    """Nobody watches."""


async def run(
    db: Database, kind: Kind, body: bytes, clock: Clock, order: Order, *, watch: Watch = silent
) -> Outcome:
    """Import a CSV body. Raises csvfile.Rejected with every error by row and column; then nothing changed.

    The checks run in a thread: they hold nobody else up. `watch` hears of each stage, with the rows, records or
    events it is about. 403 or 422 where it alters published days late without a named officer or reason; what is
    late is judged after the checks, when it is written.
    """
    rows = await asyncio.to_thread(csvfile.read, body, *imports.COLUMNS[kind])
    watch("read", len(rows))
    try:
        async with db.transaction() as tx:
            await directory.lock(tx)
            known = await directory.known(tx, kind)
            stored = await directory.stored(tx, kind)

            def work() -> tuple[Outcome, list[Record]]:
                checked = imports.check(kind, rows, known, stored)
                given, kept = _with_stored(checked.found, stored, replace=order.replace)
                differing, records = _differences(given, stored)
                created = sum(1 for one in differing if one.change == "created")
                counts = created, len(differing) - created, len(given) - len(differing)
                made = Outcome(len(rows), *counts, differing, checked.doubts, kept=kept)
                made.leavers = superiors.of_file(stored, given)
                made.cleared = [
                    {"row": one.rows[0], **directory.name_of(one.record), "columns": list(one.cleared)}
                    for one in given
                    if one.cleared
                ]
                made.removed = [
                    gone for one in records for gone in effects.dropped(stored.get(directory.key_of(one)), one)
                ]
                return made, records

            outcome, records = await asyncio.to_thread(work)
            watch("checked", outcome.created + outcome.changed + outcome.unchanged)
            await _apply(_Job(tx, kind, clock.now(), order, stored, records, outcome), watch)
            _end(order, outcome)
            return outcome
    except _DryRun as ended:
        return ended.outcome


def _end(order: Order, outcome: Outcome) -> None:
    if order.dry_run:
        raise _DryRun(outcome)


def _with_stored(
    found: Sequence[Found], stored: Mapping[object, Record], *, replace: bool
) -> tuple[list[Found], list[dict[str, Any]]]:
    """The records to compare; unless `replace`, a year keeps its holidays that the file does not name."""
    given: list[Found] = []
    kept: list[dict[str, Any]] = []
    for one in found:
        record = one.record
        if isinstance(record, CalendarYear) and not replace:
            before = stored.get(record.year)
            kept.extend(effects.dropped(before, record))
            record = effects.merged(before, record)
        given.append(Found(record, one.rows, one.cleared, one.heads_ended))
    return given, kept


async def _apply(job: _Job, watch: Watch) -> None:
    tx, now, outcome = job.tx, job.now, job.outcome
    touched = effects.stretches(job.stored, job.records)
    if touched:
        outcome.past = await late.count(tx, effects.touches(touched), now)
        outcome.needs_roster = await plans_store.needing(tx, touched, job.today)
    if outcome.past:
        outcome.applied = False
        if not job.order.dry_run:
            outcome.proposal = await _propose(job, touched)
        return
    await _make_room(job)
    await directory.save(tx, job.kind, job.records)
    await _reach_plans(job)
    if job.order.dry_run:
        await _leave_behind(job)
        return
    watch("stored", len(job.records))
    sent = await publish.directory_changes(tx, now, watch=lambda count: watch("published", count))
    outcome.published, outcome.withheld = sent.count, sent.withheld
    await _leave_behind(job)
    if job.records:
        await plans.note(
            tx,
            now,
            job.order.who,
            f"import.{job.kind}",
            subject=job.kind,
            reason=job.order.reason,
            created=outcome.created,
            changed=outcome.changed,
            plans=outcome.plans,
            below_minimum=_short_views(outcome)[:1000],
            removed=outcome.removed[:1000],
            cleared=outcome.cleared[:1000],
        )


async def _make_room(job: _Job) -> None:
    """Cut the stored absences that give way to those of the file; they are in `removed` as they were."""
    for one in job.records:
        if isinstance(one, Absence) and one.kind == "sick":
            before = job.stored.get(directory.key_of(one))
            cut = await absences.make_room(job.tx, one, before if isinstance(before, Absence) else None)
            job.outcome.removed += [directory.name_of(gone) for gone in cut]


async def _leave_behind(job: _Job) -> None:
    """List what those who go or move leave to be mended, as the directory is after the file."""
    if job.kind != "employees":
        return
    if job.order.dry_run:  # names the next ones up, which publishing does else
        await directory.changed_employees(job.tx, job.today)
    changed = [one.employee_id for one in job.records if isinstance(one, Employee)]
    job.outcome.left_behind = await superiors.left_behind(job.tx, job.outcome.leavers)
    job.outcome.without_superior = await superiors.without_superior(job.tx, changed)


async def _reach_plans(job: _Job) -> None:
    """Write the published plans that the records leave no choice about, as a change after publication does."""
    connection, outcome = job.tx, job.outcome
    rows: list[Planned] = []
    if job.kind == "employees":
        rows = await people.days_of_departed(job.tx, job.today)
        moved = effects.moved(job.stored, job.records)
        outcome.needs_roster = await plans_store.needing_of(connection, moved, job.today)
    elif job.kind in {"leave", "duty_travel"}:
        mode, free = absences.absence_modes(job.kind)
        away = [one for one in job.records if isinstance(one, Absence)]
        plans_away = await plans_store.plans_in(connection, away, [mode, free])
        rows = [plan.without_hours(mode, job.kind) for plan in plans_away]
    if not rows:
        return
    outcome.below_minimum = await losses(job.tx, rows)
    gate = plans.Gate(job.order.who, job.order.reason)
    if job.order.dry_run:
        waiting = await plans.late_keys(job.tx, job.now, rows)
        outcome.past = len(waiting)
        rows = [plan for plan in rows if plan.person_day not in waiting]
    await plans.put(job.tx, job.now, gate, rows)
    outcome.plans, outcome.proposal = gate.changed, gate.proposal
    if gate.proposal is not None:
        outcome.past = gate.proposal.person_days


async def _propose(job: _Job, touched: Sequence[Stretch]) -> Proposal:
    before = [job.stored[key] for key in map(directory.key_of, job.records) if key in job.stored]
    body = {
        "kind": job.kind,
        "before": effects.to_body(job.kind, before),
        "after": effects.to_body(job.kind, job.records),
    }
    proposal = await plans.offer(
        job.tx, job.now, job.order.who, "import", body, reason=job.order.reason, person_days=job.outcome.past
    )
    await late.list_days(job.tx, effects.touches(touched), job.now, proposal.proposal_id)
    return proposal


async def approve(tx: Tx, now: dt.datetime, proposal: Proposal) -> None:
    """Let a proposed import take effect. 409 if what it is about has changed since it was listed."""
    kind: Kind = proposal.body["kind"]
    before = {directory.key_of(one): one for one in effects.from_body(kind, proposal.body["before"])}
    records = effects.from_body(kind, proposal.body["after"])
    stored = await directory.stored(tx, kind)
    touched = effects.touches(effects.stretches(stored, records))
    same = all(stored.get(key) == before.get(key) for key in map(directory.key_of, records))
    same = same and not effects.crowded(stored, records)
    grown = await late.unlisted(tx, touched, now, proposal.proposal_id) if same else 0
    if grown:
        raise Conflict("proposal.grown", params={"count": grown})
    if not same or await late.count(tx, touched, now) != proposal.person_days:
        raise Conflict("proposal.import_changed")
    await directory.save(tx, kind, records)
    await publish.directory_changes(tx, now)


def _short_views(outcome: Outcome) -> list[dict[str, Any]]:
    return [
        {"unit_id": loss.unit_id, **later.short_view(one)} for loss in outcome.below_minimum for one in loss.short
    ]


def as_json(kind: Kind, outcome: Outcome, *, dry_run: bool) -> dict[str, Any]:
    """The answer to the officer: counts, and of each list the first thousand.

    `below_minimum`: stretches of opening hours in which a counter loses people that its minimum needs.
    `needs_roster`: dates with published plans that a new roster has to mend. `removed`: rows that were stored and
    are not any more; `cleared`: stored values that an empty cell takes away; `kept`: stored holidays that the file
    does not name, which `replace=true` would remove. `withheld`: stored entries that cannot be published as they
    are, with what to mend.
    """
    return {
        "kind": kind,
        "dry_run": dry_run,
        "rows": outcome.rows,
        "created": outcome.created,
        "changed": outcome.changed,
        "unchanged": outcome.unchanged,
        "changes": [
            {"row": one.row, "change": one.change, "columns": one.columns} for one in outcome.changes[:1000]
        ]
        if dry_run
        else [],
        "applied": outcome.applied,
        "plans": outcome.plans,
        "past_person_days": outcome.past,
        "below_minimum": plans.some(_short_views(outcome)),
        "needs_roster": plans.days(outcome.needs_roster),
        "removed": plans.some(outcome.removed),
        "cleared": plans.some(outcome.cleared),
        "withheld": plans.some(outcome.withheld),
        "left_behind": plans.some(outcome.left_behind),
        "without_superior": plans.some(outcome.without_superior),
        "kept": plans.some(outcome.kept),
    }
