"""Late changes as officers read them."""

import datetime as dt
from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from pydantic import JsonValue

from services.scheduling.domain.late import alone_from
from services.scheduling.store import proposals as store
from services.scheduling.views.answer import Answer, Json
from shared.access import Principal, only_opd
from shared.database import Tx
from shared.refusals import Missing, or_missing

PAGE = 1000
START = (dt.date.min, UUID(int=0))
"""Before every person-day."""
_PLAN = ("mode", "opd_code", "unit_id", "starts_at", "ends_at")


class Proposal(Answer):
    """A late change: `body` says what it is, in the way of its `kind`."""

    proposal_id: UUID
    kind: str
    body: Json
    reason: str
    person_days: int
    status: str
    proposed_by: UUID
    proposed_at: dt.datetime
    decided_by: UUID | None
    decided_at: dt.datetime | None
    decision_reason: str | None


class ProposalInBrief(Answer):
    """A proposal as part of the answer to what was asked for."""

    proposal_id: UUID
    person_days: int


class PlanSide(Answer):
    """A plan before or after a change; instants as RFC 3339 date-times."""

    mode: str | None
    opd_code: str | None
    unit_id: str | None
    starts_at: str | None
    ends_at: str | None


class PersonDay(Answer):
    """A person-day before and after, and what differs: by field, `old` and `new`.

    Without `before` and `after` where not the plan changes but how it is judged.
    """

    employee_id: UUID
    work_date: dt.date
    old_mode: str | None
    new_mode: str
    before: PlanSide | None
    after: PlanSide | None
    altered: dict[str, dict[str, JsonValue]]


class ProposalInFull(Proposal):
    """A proposal with the first page of the person-days it alters.

    `alone_from`: the first date from which the same change would need no second officer; None for a disowning,
    which always needs two.
    """

    alone_from: dt.date | None
    items: Sequence[PersonDay]


async def in_full(tx: Tx, proposal_id: UUID) -> ProposalInFull:
    """A proposal as those see it who made it or decide it. Raises Missing."""
    proposal = or_missing(await store.proposal(tx, proposal_id))
    disowning = proposal.kind in ("disown", "own")
    return ProposalInFull.model_validate(
        {
            **proposal.model_dump(),
            "alone_from": None if disowning else alone_from(proposal.proposed_at),
            "items": await person_days(tx, proposal.proposal_id, START, PAGE),
        }
    )


async def person_days(tx: Tx, proposal_id: UUID, after: tuple[dt.date, UUID], limit: int) -> list[PersonDay]:
    """The person-days that a proposal alters after (work_date, employee_id), at most `limit`."""
    return [_person_day(day) for day in await store.proposal_days(tx, proposal_id, after, limit)]


def _person_day(day: store.ListedDay) -> PersonDay:
    kept = day.row
    before = after = None
    altered = kept.get("altered")
    if altered is None:
        after = {name: kept.get(name) for name in _PLAN}
        before = {name: kept.get(f"old_{name}") for name in _PLAN} if day.old_mode else None
        old = before or dict.fromkeys(_PLAN)
        altered = {
            name: {"old": old[name], "new": after[name]}
            for name in _PLAN
            if before is None or old[name] != after[name]
        }
    return PersonDay.model_validate(
        {**day._asdict(), "new_mode": kept["mode"], "before": before, "after": after, "altered": altered}
    )


async def listed(
    tx: Tx,
    who: Principal,
    status: Literal["open", "approved", "refused"] | None,
    before: tuple[dt.datetime, UUID] | None,
    limit: int,
) -> list[Proposal]:
    """Proposals, newest first, at most `limit`; an OPD admin sees those that they made."""
    proposer = (who.subject or UUID(int=0)) if only_opd(who) is not None else None
    rows = await store.proposals(tx, store.Chosen(status, proposer), before, limit)
    return [Proposal.model_validate(row) for row in rows]


async def check_readable(tx: Tx, who: Principal, proposal_id: UUID) -> None:
    """Raises Missing for what an OPD admin has not proposed themselves."""
    proposal = or_missing(await store.proposal(tx, proposal_id))
    if only_opd(who) is not None and proposal.proposed_by != who.subject:
        raise Missing("not_found")
