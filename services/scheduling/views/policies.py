"""Policies as they are read."""

from typing import Any

from services.scheduling.domain.conflicts import PolicyConflict
from services.scheduling.domain.policies import Policy, PolicyIn
from services.scheduling.store.tables import PolicyVersion


def policy_view(row: PolicyVersion) -> dict[str, Any]:
    return {
        **row.body,
        "version": row.version,
        "policy_version": label(row),
        "withdrawn": row.withdrawn,
        "withdrawn_from": row.effective_from if row.withdrawn else None,
        "created_at": row.created_at,
    }


def conflict_view(one: PolicyConflict) -> dict[str, Any]:
    """Where a policy meets another, and which of them decides."""
    return {
        "policy_version": one.policy_version,
        "from": one.first,
        "to": one.last,
        "opd_codes": one.opd_codes,
        "winner": one.winner,
        "because": one.because,
    }


def label(row: PolicyVersion) -> str:
    """`policy_version` as plans carry it."""
    return Policy(row.policy_id, row.version, PolicyIn.model_validate(row.body)).label
