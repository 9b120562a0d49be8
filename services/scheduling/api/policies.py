"""Policies and their versions."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from services.scheduling.commands import policies
from services.scheduling.domain.policies import PolicyIn
from services.scheduling.models import PolicyVersion
from services.scheduling.store import governance
from shared.auth import Principal, principal, require
from shared.http import page
from shared.service import Service, service_of

router = APIRouter(prefix="/scheduling/v1/policies", tags=["policies"])
Running = Annotated[Service, Depends(service_of)]
Officer = Annotated[Principal, Depends(require("bkpsdm", "opd_admin"))]


def view(row: PolicyVersion) -> dict[str, Any]:
    return {
        **row.body,
        "version": row.version,
        "policy_version": policies.label(row),
        "withdrawn": row.withdrawn,
        "created_at": row.created_at,
    }


@router.get("", dependencies=[Depends(principal)])
async def list_policies(service: Running) -> dict[str, Any]:
    """The newest version of each policy."""
    newest: dict[str, PolicyVersion] = {}
    async with service.db.read() as tx:
        for row in await governance.policy_versions(tx):
            newest.setdefault(row.policy_id, row)
    return page([view(row) for row in newest.values()], None)


@router.get("/{policy_id}/versions", dependencies=[Depends(principal)])
async def list_versions(policy_id: str, service: Running) -> dict[str, Any]:
    """All versions of one policy, newest first."""
    async with service.db.read() as tx:
        return page([view(row) for row in await governance.policy_versions(tx, policy_id)], None)


@router.post("", status_code=201)
async def give_policy(given: PolicyIn, service: Running, who: Officer, response: Response) -> dict[str, Any]:
    """A new version of a policy; plans change when a roster is published."""
    row, created = await policies.give(service.db, service.clock, who, given)
    response.status_code = 201 if created else 200
    return view(row)
