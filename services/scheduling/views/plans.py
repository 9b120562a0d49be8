"""Plans as they are read: by the person, their superiors, and officers.

Of what a reason says about a person others learn only that there is one (`public_reason`); who may know more reads
it as it is.
"""

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

from services.scheduling.domain.planning import public_reason
from services.scheduling.store import plans as store
from services.scheduling.store.plans import StoredPlan
from services.scheduling.views.answer import Answer
from shared.access import READ_REASONS, Principal, may, opd_within, own_opd
from shared.csvtext import csv_chunks
from shared.database import Tx
from shared.events import Mode
from shared.refusals import Missing


class Plan(Answer):
    """What a person is to do on a date. `reason` is why so, `policy_version` by which policy."""

    employee_id: UUID
    opd_code: str
    unit_id: str
    work_date: dt.date
    revision: int
    mode: Mode
    starts_at: dt.datetime | None
    ends_at: dt.datetime | None
    policy_version: str | None
    reason: str | None


class NamedPlan(Plan):
    """A plan with the name of whose it is; None of somebody who was erased."""

    name: str | None


class AtHome(Answer):
    """Someone who works from home on a date."""

    employee_id: UUID
    name: str
    unit_id: str
    unit_name: str
    starts_at: dt.datetime | None
    ends_at: dt.datetime | None
    policy_version: str | None


def _shown(plan: StoredPlan, *, reasons: bool) -> StoredPlan:
    return plan if reasons else plan._replace(reason=public_reason(plan.reason))


def _named(rows: Sequence[store.NamedPlan], *, reasons: bool) -> list[NamedPlan]:
    return [
        NamedPlan.model_validate({**_shown(row.plan, reasons=reasons)._asdict(), "name": row.name}) for row in rows
    ]


async def mine(tx: Tx, me: UUID, first: dt.date, last: dt.date) -> list[Plan]:
    """A person's own plans, by date."""
    return [Plan.model_validate(plan) for plan in await store.mine(tx, me, first, last)]


async def team(tx: Tx, superior: UUID, first: dt.date, last: dt.date) -> list[NamedPlan]:
    """Plans of those whose superior, or whose superior's deputy, this is."""
    return _named(await store.team(tx, superior, first, last), reasons=False)


async def of_unit(tx: Tx, who: Principal, unit_id: str, first: dt.date, last: dt.date) -> list[NamedPlan]:
    """Plans of a unit. Raises Missing for an unknown one, Forbidden for another OPD's."""
    opd_code = await store.opd_of_unit(tx, unit_id)
    if opd_code is None:
        raise Missing("not_found")
    own_opd(who, [opd_code])
    rows = await store.unit(tx, unit_id, first, last)
    return _named(rows, reasons=may(who, READ_REASONS))


async def of_date(
    tx: Tx, who: Principal, day: dt.date, *, opd_code: str | None, after: UUID, limit: int
) -> list[Plan]:
    """Plans of a date, by employee_id; an OPD admin sees their own OPD."""
    rows = await store.of_date(tx, day, opd_within(who, opd_code), after, limit)
    reasons = may(who, READ_REASONS)
    return [Plan.model_validate(_shown(plan, reasons=reasons)) for plan in rows]


async def at_home(tx: Tx, who: Principal, opd_code: str, day: dt.date) -> list[AtHome]:
    """Who of an OPD works from home on a date. Raises Forbidden for another OPD's."""
    own_opd(who, [opd_code])
    return [AtHome.model_validate(dict(row)) for row in await store.at_home(tx, opd_code, day)]


def table(tx: Tx, who: Principal, first: dt.date, last: dt.date, opd_code: str | None) -> AsyncIterator[str]:
    """The plans of a span as CSV, in pieces; `tx` stays open until the last one."""
    reasons = may(who, READ_REASONS)

    async def rows() -> AsyncIterator[list[object]]:
        async for plan in store.export(tx, first, last, opd_within(who, opd_code)):
            yield [*_shown(plan, reasons=reasons)]

    return csv_chunks(StoredPlan._fields, rows())
