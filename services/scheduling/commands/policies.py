"""Policies: each change is a new version; the newest version counts."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from services.scheduling.commands import scope
from services.scheduling.domain.conflicts import PolicyConflict, conflicts
from services.scheduling.domain.policies import Policy, PolicyIn
from services.scheduling.store import directory, late, tables
from services.scheduling.store import policies as store
from services.scheduling.store.tables import PolicyVersion
from shared import audit
from shared.access import Principal, employee_of, own_opd
from shared.clock import Clock
from shared.database import Database, Tx
from shared.dates import local_date
from shared.refusals import or_missing


@dataclass(frozen=True, slots=True)
class Given:
    """A version, whether it is new, and where it meets other policies."""

    row: PolicyVersion
    created: bool
    conflicts: Sequence[PolicyConflict]
    late: int = 0
    """Published plans that are over or have begun: a roster moves them by this version with two officers only."""


async def check_known(tx: Tx, given: PolicyIn) -> list[str]:
    """Raises Invalid for an OPD or a unit that the directory does not know. Returns every OPD, sorted."""
    limits = given.limits
    directory = await scope.check_known(
        tx,
        opds={"scope.opd_codes": given.scope.opd_codes, "limits.never_opds": limits.never_opds},
        units={"limits.never_units": limits.never_units},
    )
    return sorted(directory.opds)


async def give(db: Database, clock: Clock, who: Principal, given: PolicyIn, *, dry_run: bool) -> Given:
    """Store a new version; the same content again is no change. With `dry_run` only look for conflicts."""
    own_opd(who, given.scope.opd_codes, everybody=given.scope.all)
    async with db.transaction() as tx:
        await directory.lock(tx)
        opds = await check_known(tx, given)
        versions = await store.policy_versions(tx, given.policy_id)
        newest = next(iter(versions), None)
        if newest is not None:
            scope_before = PolicyIn.model_validate(newest.body).scope
            own_opd(who, scope_before.opd_codes, everybody=scope_before.all)
        number = newest.version + 1 if newest is not None else 1
        met = conflicts(Policy(given.policy_id, number, given), await store.current_policies(tx), opds)
        if newest is not None and not newest.withdrawn and PolicyIn.model_validate(newest.body) == given:
            return Given(newest, False, met)
        row = _version(given, number, clock.now(), who)
        if not dry_run:
            await tables.add(tx, row)
            await audit.add(
                tx,
                row.created_at,
                who,
                "policy.given",
                subject=f"{given.policy_id}/{number}",
                reason=given.limits.readiness_exception,
                detail={"policy": row.body},
            )
        return Given(row, not dry_run, met, await _begun(tx, given, given.effective_from, row.created_at))


async def _begun(tx: Tx, content: PolicyIn, first: dt.date, now: dt.datetime) -> int:
    return await late.begun(tx, first, None if content.scope.all else content.scope.opd_codes, now)


def _version(given: PolicyIn, number: int, now: dt.datetime, who: Principal) -> PolicyVersion:
    return PolicyVersion(
        policy_id=given.policy_id,
        version=number,
        effective_from=given.effective_from,
        effective_to=given.effective_to,
        withdrawn=False,
        body=given.model_dump(mode="json"),
        created_at=now,
        created_by=str(employee_of(who)),
    )


async def withdraw(db: Database, clock: Clock, who: Principal, policy_id: str) -> Given:
    """A new version that says: from today on no longer. Plans change when a roster is published."""
    async with db.transaction() as tx:
        await directory.lock(tx)
        versions = await store.policy_versions(tx, policy_id)
        newest = or_missing(next(iter(versions), None))
        content = PolicyIn.model_validate(newest.body)
        own_opd(who, content.scope.opd_codes, everybody=content.scope.all)
        if newest.withdrawn:
            return Given(newest, False, ())
        row = _version(content, newest.version + 1, clock.now(), who)
        row.withdrawn, row.effective_from, row.effective_to = True, local_date(clock.now()), None
        await tables.add(tx, row)
        await audit.add(
            tx,
            row.created_at,
            who,
            "policy.withdrawn",
            subject=policy_id,
            reason=None,
            detail={"version": row.version, "withdrawn_from": row.effective_from},
        )
        return Given(row, True, (), await _begun(tx, content, row.effective_from, row.created_at))
