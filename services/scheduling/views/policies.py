"""Policies as they are read."""

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from services.scheduling.domain import conflicts as conflict
from services.scheduling.domain.late import alone_from
from services.scheduling.domain.policies import Policy, PolicyIn
from services.scheduling.store import policies as store
from services.scheduling.store import tables
from services.scheduling.views.answer import Answer, Json
from shared.database import Tx

_REFERENCES = Path(__file__).with_name("policies.json")


class PolicyVersion(PolicyIn):
    """A version as it was given; `withdrawn_from` is the date on which it holds no longer."""

    version: int
    policy_version: str
    withdrawn: bool
    withdrawn_from: dt.date | None
    created_at: dt.datetime


class Late(Answer):
    """Published plans that are over or have begun. A roster moves them with a second officer only; those from
    `alone_from` on it moves alone."""

    person_days: int
    alone_from: dt.date


class LatePolicy(PolicyVersion):
    """A version, and which plans a roster moves by it with a second officer only."""

    late: Late


class PolicyConflict(Answer):
    """Where a policy meets another, and which of them decides."""

    policy_version: str
    first: dt.date = Field(serialization_alias="from")
    last: dt.date | None = Field(serialization_alias="to")
    opd_codes: Sequence[str]
    winner: str
    because: Literal["later_start", "narrower_scope", "greater_id"]


class GivenPolicy(LatePolicy):
    """A version that was given, or in a dry run would be, and where it meets other policies."""

    dry_run: bool
    conflicts: Sequence[PolicyConflict]


class Reference(Answer):
    """A real rule as data, to be posted as it is or changed."""

    about: str
    policy: Json


def late(row: tables.PolicyVersion, person_days: int) -> LatePolicy:
    """A version, and how many published plans it reaches too late for one officer."""
    waits = Late(person_days=person_days, alone_from=alone_from(row.created_at))
    return LatePolicy(**version_of(row).model_dump(), late=waits)


def given(
    row: tables.PolicyVersion, person_days: int, conflicts: Sequence[conflict.PolicyConflict], *, dry_run: bool
) -> GivenPolicy:
    """`late`, with where the version meets other policies."""
    meets = [PolicyConflict.model_validate(one) for one in conflicts]
    return GivenPolicy(**late(row, person_days).model_dump(), dry_run=dry_run, conflicts=meets)


def references() -> list[Reference]:
    """The policies that circulars have asked for so far."""
    return [Reference.model_validate(one) for one in json.loads(_REFERENCES.read_text(encoding="utf-8"))]


def version_of(row: tables.PolicyVersion) -> PolicyVersion:
    """A stored version as it is read."""
    content = PolicyIn.model_validate(row.body)
    return PolicyVersion(
        **content.model_dump(),
        version=row.version,
        policy_version=Policy(row.policy_id, row.version, content).label,
        withdrawn=row.withdrawn,
        withdrawn_from=row.effective_from if row.withdrawn else None,
        created_at=row.created_at,
    )


async def newest(tx: Tx) -> list[PolicyVersion]:
    """The newest version of each policy."""
    by_id: dict[str, tables.PolicyVersion] = {}
    for row in await store.policy_versions(tx):
        by_id.setdefault(row.policy_id, row)
    return [version_of(row) for row in by_id.values()]


async def versions(tx: Tx, policy_id: str) -> list[PolicyVersion]:
    """All versions of one policy, newest first."""
    return [version_of(row) for row in await store.policy_versions(tx, policy_id)]
