"""Policies and their versions."""

import json
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from services.scheduling.commands import policies
from services.scheduling.domain.late import first_free_date
from services.scheduling.domain.policies import PolicyIn
from services.scheduling.store import policies as policies_store
from services.scheduling.store.tables import PolicyVersion
from services.scheduling.views.policies import conflict_view, policy_view
from shared.access import PLAN, Principal
from shared.auth import principal, require
from shared.http import page
from shared.service import Service, service_of

router = APIRouter(prefix="/scheduling/v1/policies", tags=["policies"])
REFERENCES = Path(__file__).with_name("policies.json")
Running = Annotated[Service, Depends(service_of)]
Officer = Annotated[Principal, Depends(require(PLAN))]


@router.get("", dependencies=[Depends(principal)])
async def list_policies(service: Running) -> dict[str, Any]:
    """The newest version of each policy."""
    newest: dict[str, PolicyVersion] = {}
    async with service.db.read() as tx:
        for row in await policies_store.policy_versions(tx):
            newest.setdefault(row.policy_id, row)
    return page([policy_view(row) for row in newest.values()], None)


@router.get("/{policy_id}/versions", dependencies=[Depends(principal)])
async def list_versions(policy_id: str, service: Running) -> dict[str, Any]:
    """All versions of one policy, newest first."""
    async with service.db.read() as tx:
        return page([policy_view(row) for row in await policies_store.policy_versions(tx, policy_id)], None)


@router.get("/references", dependencies=[Depends(principal)])
async def list_references() -> dict[str, Any]:
    """The reference policies: real rules as data, to be posted as they are or changed."""
    return page(json.loads(REFERENCES.read_text(encoding="utf-8")), None)


@router.post("", status_code=201)
async def give_policy(
    given: PolicyIn, service: Running, who: Officer, response: Response, dry_run: bool = False
) -> dict[str, Any]:
    """A new version of a policy; plans change when a roster is published.

    `conflicts` shows where it meets other policies and which of them decides; `dry_run` shows only that.
    """
    result = await policies.give(service.db, service.clock, who, given, dry_run=dry_run)
    response.status_code = 201 if result.created else 200
    met = [conflict_view(one) for one in result.conflicts]
    return {**_answer(result), "dry_run": dry_run, "conflicts": met}


def _answer(result: policies.Given) -> dict[str, Any]:
    """`late`: published plans that are over or have begun. A roster moves them with a second officer only; those
    from `alone_from` on it moves alone."""
    waits = {"person_days": result.late, "alone_from": first_free_date(result.row.created_at)}
    return {**policy_view(result.row), "late": waits}


@router.post("/{policy_id}/withdraw")
async def withdraw_policy(policy_id: str, service: Running, who: Officer) -> dict[str, Any]:
    """The policy holds no longer."""
    return _answer(await policies.withdraw(service.db, service.clock, who, policy_id))
