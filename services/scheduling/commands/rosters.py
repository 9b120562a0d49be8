"""Rosters: a draft of the span's plans, and its publication."""

import asyncio
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

from services.scheduling.commands import plans, policies, scope
from services.scheduling.domain.conflicts import PolicyConflict, conflicts
from services.scheduling.domain.frame import Draft, UnitRoster
from services.scheduling.domain.late import never_late_from
from services.scheduling.domain.planning import MODES, NONE, REASONS, WFH, WFO, Method, Span, UnitInput
from services.scheduling.domain.plans import Planned
from services.scheduling.domain.policies import Policy, PolicyIn, ended
from services.scheduling.domain.timetable import Hours
from services.scheduling.planning.compute import compute
from services.scheduling.store import directory, tables
from services.scheduling.store import policies as policies_store
from services.scheduling.store import rosters as rosters_store
from services.scheduling.store.rosters import Wanted
from services.scheduling.store.tables import Proposal, Roster
from services.scheduling.views.rosters import summary
from shared import audit
from shared.access import Principal, employee_of, own_opd
from shared.clock import Clock
from shared.database import Database, Tx
from shared.events import Scope
from shared.refusals import Conflict, FieldError, Invalid

DETAILED = 20_000
"""Person-days up to which an answer can hold each of them."""
COUNTED = 100_000
"""Person-days up to which a preview is compared with the standing plans."""


@dataclass(frozen=True, slots=True)
class Published:
    """What a publication did, and the draft as it was published."""

    roster_id: UUID
    changed: int
    proposal: Proposal | None
    drafted: Draft


@dataclass(frozen=True, slots=True)
class Effect:
    """Standing plans that would change, None where there are too many to compare; and those that would wait."""

    changed: int | None
    late: int


@dataclass(frozen=True, slots=True)
class Tried:
    """A draft policy beside what holds, and each policy that it meets, with whether it is shown as if it won."""

    now: Draft
    then: Draft
    conflicts: Sequence[tuple[PolicyConflict, bool]]


async def draft(
    db: Database, wanted: Wanted, span: Span, *, method: Method = "auto", fresh: bool = False
) -> Draft:
    """Plan the span, with the calendar's holidays and the policies in force; nothing is written."""
    async with db.read() as tx:
        in_force = tuple(await policies_store.current_policies(tx))
        holidays = await rosters_store.holidays(tx, span.first, span.last)
        parts = [part async for part in rosters_store.units(tx, wanted, span.first, span.last, fresh=fresh)]
    units = [unit for part in parts for unit in part if unit.people]
    span = replace(span, holidays=holidays, policies=in_force)
    return Draft(span, units, await compute(units, span, method), method, fresh)


async def wanted_units(tx: Tx, who: Principal, named: Scope) -> Wanted:
    """The units of a scope. Raises Invalid for an unknown or an empty one, Forbidden for another OPD's."""
    directory = await scope.check_known(
        tx, opds={"scope.opd_codes": named.opd_codes}, units={"scope.unit_ids": named.unit_ids}
    )
    if not (named.all or named.opd_codes or named.unit_ids):
        raise Invalid("validation", errors=[FieldError("scope", "scope.empty")])
    own_opd(who, [*named.opd_codes, *(directory.unit_opd[unit] for unit in named.unit_ids)], everybody=named.all)
    return Wanted(named.all, tuple(named.opd_codes), tuple(named.unit_ids))


def check_detail(drafted: Draft) -> None:
    """Raises Invalid for more person-days than an answer can hold."""
    if sum(len(unit.people) for unit in drafted.units) * len(drafted.span.days) > DETAILED:
        raise Invalid("validation", errors=[FieldError("detail", "roster.detail_too_large", {"most": DETAILED})])


async def effect(db: Database, clock: Clock, drafted: Draft, person_days: int) -> Effect:
    """What publishing a draft would do now."""
    changed = await plans.count_changes(db, plan_rows(drafted)) if person_days <= COUNTED else None
    async with db.read() as tx:
        now = clock.now()
        soon = plan_rows(drafted, before=never_late_from(now))
        return Effect(changed, len(await plans.late_keys(tx, now, soon)))


async def what_if(
    db: Database, wanted: Wanted, span: Span, draft_policy: PolicyIn, *, method: Method = "auto"
) -> Tried:
    """A span planned as it is and under a draft policy, which from its start on replaces the one with its id.

    Where only the id would decide between two policies the draft is planned as if it won. Raises Invalid for an
    OPD or a unit that the directory does not know.
    """
    async with db.read() as tx:
        opds = await policies.check_known(tx, draft_policy)
    now = await draft(db, wanted, span, method=method, fresh=True)
    others = ended(now.span.policies, draft_policy.policy_id, draft_policy.effective_from)
    policy = Policy(draft_policy.policy_id, 0, draft_policy)
    tried = replace(now.span, policies=(*others, replace(policy, draft=True)))
    then = Draft(tried, now.units, await compute(now.units, tried, method))
    met = conflicts(policy, others, opds)
    lost = [other.because == "greater_id" and other.winner != policy.label for other in met]
    return Tried(now, then, list(zip(met, lost, strict=True)))


def plan_rows(drafted: Draft, *, before: dt.date | None = None) -> Iterator[Planned]:
    """The plans of a draft, unit by unit; one at a time, so that a month of the city stays small in memory.

    With `before` only those of earlier dates.
    """
    days = drafted.span.days
    count = len(days) if before is None else sum(day < before for day in days)
    known: dict[tuple[int, Hours], tuple[dt.datetime, dt.datetime]] = {}
    for unit, result in zip(drafted.units, drafted.results, strict=True):
        for person, modes, reasons in zip(unit.people, result.modes, result.reasons, strict=True):
            worked = result.hours[person.pattern]
            for number, mode in enumerate(modes[:count]):
                if mode == NONE:
                    continue
                hours = worked[number + 1] if mode in (WFO, WFH) else None
                starts_at = ends_at = None
                if hours is not None:
                    starts_at, ends_at = known.get((number, hours)) or known.setdefault(
                        (number, hours), hours.on(days[number])
                    )
                yield Planned(
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
    db: Database, clock: Clock, who: Principal, drafted: Draft, request: Mapping[str, Any], *, reason: str | None
) -> Published:
    """Publish what changed and is not late; late changes become a proposal.

    `request` is kept as what was asked for. A leave, a swap or whatever else a unit's plans follow from may be
    written while they are computed: such a unit is planned once more. Raises Conflict when that happens again;
    what is published by then stays, and the roster's row and the audit say so.
    """
    gate = plans.Gate(who, reason)
    roster_id = await _begin(db, clock, gate, drafted, request)
    try:
        drafted = await _publish(db, clock, gate, drafted)
    except Exception:
        await _finish(db, clock, gate, drafted, roster_id=roster_id, status="failed")
        raise
    await _finish(db, clock, gate, drafted, roster_id=roster_id, status="published")
    return Published(roster_id, gate.changed, gate.proposal, drafted)


async def _begin(db: Database, clock: Clock, gate: plans.Gate, drafted: Draft, request: Mapping[str, Any]) -> UUID:
    """Ask for name and reason, where something is late, before anything is written; and keep the request."""
    async with db.transaction() as tx:
        await directory.lock(tx)
        now = clock.now()
        await plans.put_late(tx, now, gate, plan_rows(drafted, before=never_late_from(now)))
        if gate.proposal is not None and await _stale(tx, drafted, drafted.units):
            raise Conflict("roster.stale")
        row = Roster(
            roster_id=uuid4(),
            request=dict(request),
            status="running",
            summary={},
            created_at=now,
            created_by=str(employee_of(gate.who)),
        )
        await tables.add(tx, row)
        # Before anything is written: a publication that breaks off is in the audit as well.
        await audit.add(
            tx,
            now,
            gate.who,
            "roster.begun",
            subject=row.roster_id,
            reason=gate.reason,
            detail={"request": row.request},
        )
        return row.roster_id


async def _publish(db: Database, clock: Clock, gate: plans.Gate, drafted: Draft) -> Draft:
    stale = await _write_fresh(db, clock, gate, drafted)
    if not stale:
        return drafted
    wanted = Wanted(False, unit_ids=tuple(sorted(stale)))
    again = await draft(db, wanted, drafted.span, method=drafted.method, fresh=drafted.fresh)
    if await _write_fresh(db, clock, gate, again):
        raise Conflict("roster.stale")
    return _joined(drafted, again, stale)


async def _finish(
    db: Database, clock: Clock, gate: plans.Gate, drafted: Draft, *, roster_id: UUID, status: str
) -> None:
    """What came of it: in the roster's row, and in the audit with the officer's name."""
    figures = summary(drafted).model_dump(mode="json", by_alias=True, exclude={"first", "last", "unsatisfied"})
    came = {
        "changed": gate.changed,
        "late": gate.proposal.person_days if gate.proposal else 0,
        "proposal_id": gate.proposal and str(gate.proposal.proposal_id),
        "policy_versions": sorted({label for result in drafted.results for label in result.policies if label}),
    }
    async with db.transaction() as tx:
        row = await rosters_store.roster(tx, roster_id)
        assert row is not None  # noqa: S101 - `_begin` has kept it
        row.status, row.summary = status, {**figures, **came}
        tx.session.add(row)
        await audit.add(
            tx,
            clock.now(),
            gate.who,
            f"roster.{status}",
            subject=roster_id,
            reason=gate.reason,
            detail={
                **came,
                "request": row.request,
                "units": len(drafted.units),
                "person_days": figures["person_days"],
            },
        )


def _joined(drafted: Draft, again: Draft, stale: set[str]) -> Draft:
    pairs = [
        *((u, r) for u, r in zip(drafted.units, drafted.results, strict=True) if u.unit_id not in stale),
        *zip(again.units, again.results, strict=True),
    ]
    pairs.sort(key=lambda pair: _place(*pair))
    return replace(again, units=[unit for unit, _ in pairs], results=[result for _, result in pairs])


def _place(unit: UnitInput, _: UnitRoster) -> tuple[str, str]:
    return unit.opd_code, unit.unit_id


def _parts(drafted: Draft) -> Iterator[Draft]:
    """A draft in parts of whole units, of about `plans.PART` plans each."""
    start, count = 0, 0
    for end, unit in enumerate(drafted.units, 1):
        count += len(unit.people) * len(drafted.span.days)
        if count >= plans.PART or end == len(drafted.units):
            yield replace(drafted, units=drafted.units[start:end], results=drafted.results[start:end])
            start, count = end, 0


async def _write_fresh(db: Database, clock: Clock, gate: plans.Gate, drafted: Draft) -> set[str]:
    """Write the units whose input is what it was, and what is not late. Returns the other units.

    A crash in the middle leaves the rest undone; the same call again does that rest and no more.
    """
    stale: set[str] = set()
    for part in _parts(drafted):
        one = plans.Gate(gate.who, gate.reason, proposal=gate.proposal)
        async with db.transaction() as tx:
            await directory.lock(tx)
            mine = await _stale(tx, drafted, part.units)
            stale |= mine
            await plans.put(tx, clock.now(), one, (plan for plan in plan_rows(part) if plan.unit_id not in mine))
        # Only what was committed counts.
        gate.changed, gate.proposal = gate.changed + one.changed, one.proposal
        await asyncio.sleep(0)
    return stale


async def _stale(tx: Tx, drafted: Draft, units: Sequence[UnitInput]) -> set[str]:
    """Those of `units` whose plans would come out of another input now; `tx` holds `directory.lock`.

    Compares the whole input, so nothing that a plan follows from can be forgotten here. What the same
    publication wrote before concerns other units.
    """
    span = drafted.span
    names = {unit.unit_id for unit in units}
    if (
        tuple(await policies_store.current_policies(tx)) != span.policies
        or await rosters_store.holidays(tx, span.first, span.last) != span.holidays
    ):
        return names
    wanted = Wanted(False, unit_ids=tuple(names))
    parts = rosters_store.units(tx, wanted, span.first, span.last, fresh=drafted.fresh)
    now = {unit.unit_id: unit async for part in parts for unit in part}
    return {unit.unit_id for unit in units if now.get(unit.unit_id) != unit}
