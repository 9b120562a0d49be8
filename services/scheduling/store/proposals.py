"""SQL of proposals: late changes that wait for a second officer, and the person-days they alter."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import desc, tuple_
from sqlmodel import col, select

from services.scheduling.domain.plans import OldPlan, PersonDay, PlanChange, Planned
from services.scheduling.store.tables import Proposal
from shared.database import Tx

_ADD_DAYS = """
    insert into proposal_day (proposal_id, employee_id, work_date, old_mode, row)
    select $1, * from unnest($2::uuid[], $3::date[], $4::text[], $5::jsonb[])
    on conflict do nothing returning 1
"""
_DAYS = """
    select employee_id, work_date, old_mode, row from proposal_day
    where proposal_id = $1 and (work_date, employee_id) > ($2, $3) order by work_date, employee_id limit $4
"""
_LISTED = "select employee_id, work_date from proposal_day where proposal_id = $1"
_MOVED_ON = """
    select exists (
        select from proposal_day d left join plan p using (employee_id, work_date)
        where d.proposal_id = $1 and (p.mode is distinct from d.old_mode
            or (d.row ? 'old_revision' and p.revision is distinct from (d.row ->> 'old_revision')::bigint)))
    or exists (
        -- a first plan has none that would tell of a transfer, a departure or an erasure since
        select from proposal_day d left join employee e using (employee_id)
        where d.proposal_id = $1 and d.old_mode is null and (e.employee_id is null
            or d.work_date >= $2 and (not e.active or e.unit_id <> d.row ->> 'unit_id')))
"""


async def proposal(tx: Tx, proposal_id: UUID, *, lock: bool = False) -> Proposal | None:
    """One proposal; with `lock` nobody else alters it until the transaction ends."""
    return await tx.session.get(Proposal, proposal_id, with_for_update=lock or None)


async def proposed_rules(tx: Tx, version: str) -> Proposal | None:
    """The proposal of this version of the rules that waits for a second officer."""
    query = (
        select(Proposal)
        .where(Proposal.kind == "rules", Proposal.status == "open")
        .order_by(col(Proposal.proposed_at))
    )
    rows = (await tx.session.exec(query)).all()
    return next((row for row in rows if row.body["rules_version"] == version), None)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which proposals to show; each field narrows where it is given."""

    status: str | None = None
    proposed_by: UUID | None = None


async def proposals(
    tx: Tx, chosen: Chosen, before: tuple[dt.datetime, UUID] | None, limit: int
) -> Sequence[Proposal]:
    """Proposals, newest first, older than `before`."""
    query = (
        select(Proposal).order_by(desc(col(Proposal.proposed_at)), desc(col(Proposal.proposal_id))).limit(limit)
    )
    if chosen.status is not None:
        query = query.where(Proposal.status == chosen.status)
    if chosen.proposed_by is not None:
        query = query.where(Proposal.proposed_by == chosen.proposed_by)
    if before is not None:
        query = query.where(tuple_(col(Proposal.proposed_at), col(Proposal.proposal_id)) < before)
    return (await tx.session.exec(query)).all()


class ListedDay(NamedTuple):
    """A person-day that a proposal alters: the mode that stands, and `row`, what it writes or alters."""

    employee_id: UUID
    work_date: dt.date
    old_mode: str | None
    row: Mapping[str, Any]

    def planned(self) -> Planned:
        """The plan kept by `add_proposal_days`, as `plans.merge` takes it."""
        return _PLANNED.validate_python({name: self.row[name] for name in Planned._fields})


_PLANNED = TypeAdapter(Planned)


async def add_proposal_days(tx: Tx, proposal_id: UUID, changes: Sequence[PlanChange]) -> int:
    """Keep `changes` exactly as the proposal's approval will write them. Returns how many are new."""
    bodies = [json.dumps(_body(change), default=_text) for change in changes]
    columns = (
        [change.new.employee_id for change in changes],
        [change.new.work_date for change in changes],
        [change.old and change.old.mode for change in changes],
    )
    return len(await tx.connection.fetch(_ADD_DAYS, proposal_id, *columns, bodies))


def _body(change: PlanChange) -> dict[str, Any]:
    old = change.old or [None] * len(OldPlan._fields)
    return {
        **change.new._asdict(),
        **{f"old_{name}": value for name, value in zip(OldPlan._fields, old, strict=True)},
    }


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, dt.date | dt.datetime) else str(value)


async def proposal_days(tx: Tx, proposal_id: UUID, after: tuple[dt.date, UUID], limit: int) -> list[ListedDay]:
    """The person-days of a proposal, by date, after `after`."""
    return [ListedDay(*row) for row in await tx.connection.fetch(_DAYS, proposal_id, *after, limit)]


async def listed(tx: Tx, proposal_id: UUID) -> set[PersonDay]:
    """Every person-day of a proposal."""
    return {PersonDay(*row) for row in await tx.connection.fetch(_LISTED, proposal_id)}


async def moved_on(tx: Tx, proposal_id: UUID, today: dt.date) -> bool:
    """Whether a plan that the proposal lists is no longer what it was then, or nobody's who is posted there."""
    return bool(await tx.connection.fetchval(_MOVED_ON, proposal_id, today))
