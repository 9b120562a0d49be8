"""Policies: each change is a new version; the newest version counts."""

from services.scheduling.commands.rules import officer_name
from services.scheduling.domain.policies import Policy, PolicyIn
from services.scheduling.models import PolicyVersion
from services.scheduling.store import directory, governance
from services.scheduling.store.directory import known
from shared.auth import Principal
from shared.clock import Clock
from shared.database import Database, Tx
from shared.http import FieldError, Problem


def own_opd(who: Principal, opd_codes: list[str], *, everybody: bool) -> None:
    """An OPD admin acts for their own OPD only."""
    if who.role == "opd_admin" and (everybody or any(code != who.opd for code in opd_codes)):
        field = FieldError("scope", "scope.own_opd", {"opd": who.opd or "-"})
        raise Problem(403, "scope.own_opd", params={"opd": who.opd or "-"}, errors=[field])


async def check_known(tx: Tx, given: PolicyIn) -> None:
    """422 for an OPD or a unit that the directory does not know."""
    stored = await known(tx.connection, "units")
    limits = given.limits
    lists = (
        ("scope.opd_codes", given.scope.opd_codes, stored.opds, "scope.unknown_opd"),
        ("limits.never_opds", limits.never_opds, stored.opds, "scope.unknown_opd"),
        ("limits.never_units", limits.never_units, stored.unit_opd, "scope.unknown_unit"),
    )
    errors = [
        FieldError(f"{field}.{index}", code, {"id": value})
        for field, values, allowed, code in lists
        for index, value in enumerate(values)
        if value not in allowed
    ]
    if errors:
        raise Problem(422, "validation", errors=errors)


async def give(db: Database, clock: Clock, who: Principal, given: PolicyIn) -> tuple[PolicyVersion, bool]:
    """Store a new version; the same content again is no change. Returns (version, whether it is new)."""
    own_opd(who, given.scope.opd_codes, everybody=given.scope.all)
    async with db.transaction() as tx:
        await directory.lock(tx.connection)
        await check_known(tx, given)
        versions = await governance.policy_versions(tx, given.policy_id)
        if versions:
            newest = PolicyIn.model_validate(versions[0].body)
            own_opd(who, newest.scope.opd_codes, everybody=newest.scope.all)
            if newest == given and not versions[0].withdrawn:
                return versions[0], False
        row = PolicyVersion(
            policy_id=given.policy_id,
            version=versions[0].version + 1 if versions else 1,
            effective_from=given.effective_from,
            effective_to=given.effective_to,
            withdrawn=False,
            body=given.model_dump(mode="json"),
            created_at=clock.now(),
            created_by=officer_name(who),
        )
        await governance.add(tx, row)
        return row, True


def label(row: PolicyVersion) -> str:
    """`policy_version` as plans carry it."""
    return Policy(row.policy_id, row.version, PolicyIn.model_validate(row.body)).label
