"""How a file is taken, whatever its kind: read, check, compare, then write and publish; or nothing at all.

A file may reach into plans that are published. Leave, duty travel and departures change them at once from today
on, and the answer names every counter that falls below its minimum. What a file alters about days that are over or
have begun waits for a second officer. What needs a new roster is listed by date.
"""

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from services.scheduling.commands import plans, publish
from services.scheduling.commands.changes import Loss, losses
from services.scheduling.commands.imports.kind import ImportKind, Job, Order, Taken, ToMend
from services.scheduling.commands.imports.kinds import KINDS, Kind
from services.scheduling.domain.plans import Planned
from services.scheduling.domain.records import Known
from services.scheduling.domain.stretches import touches
from services.scheduling.store import directory, late
from services.scheduling.store.tables import Proposal
from services.scheduling.views.answer import MOST, Json, as_json
from services.scheduling.views.changes import UnitShortage, unit_shortage
from services.scheduling.views.people import Withheld
from shared import audit, csvfile
from shared.clock import Clock
from shared.csvfile import Row, RowError
from shared.database import Database, Tx
from shared.refusals import Conflict

Watch = Callable[[str, int], None]


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
    unchanged: int
    changes: Sequence[Change]
    doubts: Sequence[RowError]
    kept: Sequence[Json]
    """Stored holidays that the file does not name, and that `replace` would remove."""
    cleared: Sequence[Json]
    """Stored values that an empty cell takes away: by row, the columns and whose they are."""
    removed: list[Json] = field(default_factory=list[Json])
    """Rows that were stored and are not any more."""
    applied: bool = True
    withheld: Sequence[Withheld] = ()
    """Entries, of this file or from before, that are stored and cannot be published."""
    plans: int = 0
    past_person_days: int = 0
    """Person-days that it alters late: they are over or have begun."""
    proposal: Proposal | None = None
    losses: Sequence[Loss] = ()
    needs_roster: Sequence[tuple[dt.date, int]] = ()
    to_mend: ToMend = field(default_factory=ToMend)

    @property
    def created(self) -> int:
        return sum(change.change == "created" for change in self.changes)

    @property
    def changed(self) -> int:
        return len(self.changes) - self.created

    @property
    def below_minimum(self) -> list[UnitShortage]:
        """Stretches of opening hours in which a counter loses people that its minimum needs."""
        return [unit_shortage(loss.unit_id, short) for loss in self.losses for short in loss.short]


class _DryRun(Exception):
    """Rolls back: a dry run is the run itself, without its end."""


def silent(stage: str, count: int) -> None:
    """Nobody watches."""


async def take(
    db: Database, kind: Kind, body: bytes, clock: Clock, order: Order, *, watch: Watch = silent
) -> Outcome:
    """Import a CSV body. Raises csvfile.Rejected with every error by row and column; then nothing changed.

    The checks run in a thread: they hold nobody else up. `watch` hears of each stage, with the rows, records or
    events it is about. 403 or 422 where it alters published days late without a named officer or reason; what is
    late is judged after the checks, when it is written.
    """
    of = KINDS[kind]
    rows = await asyncio.to_thread(csvfile.read, body, of.required, of.optional)
    watch("read", len(rows))
    outcome: Outcome | None = None
    try:
        async with db.transaction() as tx:
            await directory.lock(tx)
            known = await directory.known(tx, sizes=of.sizes, people=of.people)
            stored = await of.records.stored(tx)
            taken, records, outcome = await asyncio.to_thread(_compared, of, rows, known, stored, order)
            watch("checked", outcome.created + outcome.changed + outcome.unchanged)
            await _apply(of, Job(tx, clock.now(), order, stored, taken, records), outcome, watch)
            _end(order)
    except _DryRun:
        pass
    assert outcome is not None  # noqa: S101 - the block ended or was a dry run
    return outcome


def _end(order: Order) -> None:
    if order.dry_run:
        raise _DryRun


def _compared(
    of: ImportKind[Any], rows: Sequence[Row], known: Known, stored: Mapping[object, Any], order: Order
) -> tuple[list[Taken[Any]], list[Any], Outcome]:
    """The records of a file, those of them that differ from what is stored, and what there is to say of them."""
    checked = of.check(rows, known, stored)
    taken: list[Taken[Any]] = []
    kept: list[Json] = []
    changes: list[Change] = []
    records: list[Any] = []
    removed: list[Json] = []
    for line in checked.taken:
        before = stored.get(of.records.key_of(line.record))
        record, stays = (line.record, []) if order.replace else of.with_stored(before, line.record)
        kept += stays
        taken.append(replace(line, record=record))
        if record != before:
            names = [name for name in of.records.fields if getattr(before, name, None) != getattr(record, name)]
            columns, change = ([], "created") if before is None else (names, "changed")
            changes.append(Change(min(line.rows, default=0), change, columns))
            records.append(record)
            removed += of.dropped(before, record)
    cleared: list[Json] = [
        {"row": min(line.rows), **of.name_of(line.record), "columns": list(line.cleared)}
        for line in taken
        if line.cleared
    ]
    unchanged = len(taken) - len(records)
    return taken, records, Outcome(len(rows), unchanged, changes, checked.doubts, kept, cleared, removed)


async def _apply(of: ImportKind[Any], job: Job[Any], outcome: Outcome, watch: Watch) -> None:
    touched = touches(of.stretches(job.stored, job.records))
    outcome.past_person_days = await late.count(job.tx, touched, job.now)
    outcome.needs_roster = await of.outdated(job)
    if outcome.past_person_days:
        outcome.applied = False
        if not job.order.dry_run:
            outcome.proposal = await _propose(of, job, outcome.past_person_days)
        return
    outcome.removed += [of.name_of(gone) for gone in await of.make_room(job)]
    await of.records.save(job.tx, job.records)
    await _reach_plans(job, outcome, await of.plans(job))
    if not job.order.dry_run:
        watch("stored", len(job.records))
        sent = await publish.directory_changes(job.tx, job.now, watch=lambda count: watch("published", count))
        outcome.withheld = sent.withheld
    outcome.to_mend = await of.to_mend(job)
    if job.records and not job.order.dry_run:
        await audit.add(
            job.tx,
            job.now,
            job.order.who,
            f"import.{of.name}",
            subject=of.name,
            reason=job.order.reason,
            detail={
                "created": outcome.created,
                "changed": outcome.changed,
                "plans": outcome.plans,
                "below_minimum": as_json(outcome.below_minimum[:MOST]),
                "removed": outcome.removed[:MOST],
                "cleared": outcome.cleared[:MOST],
            },
        )


async def _reach_plans(job: Job[Any], outcome: Outcome, rows: Sequence[Planned]) -> None:
    """Write published plans as a change after publication does."""
    if not rows:
        return
    outcome.losses = await losses(job.tx, rows)
    gate = plans.Gate(job.order.who, job.order.reason)
    if job.order.dry_run:
        waiting = await plans.late_keys(job.tx, job.now, rows)
        outcome.past_person_days = len(waiting)
        rows = [plan for plan in rows if plan.person_day not in waiting]
    await plans.put(job.tx, job.now, gate, rows)
    outcome.plans, outcome.proposal = gate.changed, gate.proposal
    if gate.proposal is not None:
        outcome.past_person_days = gate.proposal.person_days


async def _propose(of: ImportKind[Any], job: Job[Any], person_days: int) -> Proposal:
    keys = map(of.records.key_of, job.records)
    before = [job.stored[key] for key in keys if key in job.stored]
    body = {
        "kind": of.name,
        "before": of.records.adapter.dump_python(before, mode="json"),
        "after": of.records.adapter.dump_python(list(job.records), mode="json"),
    }
    proposal = await plans.offer(
        job.tx, job.now, job.order.who, "import", body, reason=job.order.reason, person_days=person_days
    )
    touched = touches(of.stretches(job.stored, job.records))
    await late.list_days(job.tx, touched, job.now, proposal.proposal_id)
    return proposal


async def approve(tx: Tx, now: dt.datetime, proposal: Proposal) -> None:
    """Let a proposed import take effect. 409 if what it is about has changed since it was listed."""
    kind: Kind = proposal.body["kind"]
    of = KINDS[kind]
    before = of.records.by_key(of.records.adapter.validate_python(proposal.body["before"]))
    after = of.records.by_key(of.records.adapter.validate_python(proposal.body["after"]))
    records = list(after.values())
    stored = await of.records.stored(tx)
    touched = touches(of.stretches(stored, records))
    same = all(stored.get(key) == before.get(key) for key in after) and not of.crowded(stored, records)
    grown = await late.unlisted(tx, touched, now, proposal.proposal_id) if same else 0
    if grown:
        raise Conflict("proposal.grown", params={"count": grown})
    if not same or await late.count(tx, touched, now) != proposal.person_days:
        raise Conflict("proposal.import_changed")
    await of.records.save(tx, records)
    await publish.directory_changes(tx, now)
