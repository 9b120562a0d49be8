"""Policies and their versions."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from services.scheduling.api.doors import Running
from services.scheduling.commands import policies as commands
from services.scheduling.domain.policies import PolicyIn
from services.scheduling.views import policies as views
from services.scheduling.views.policies import GivenPolicy, LatePolicy, PolicyVersion, Reference
from shared.access import PLAN, Principal
from shared.auth import principal, require
from shared.cursors import Page

router = APIRouter(prefix="/scheduling/v1/policies", tags=["policies"])
Officer = Annotated[Principal, Depends(require(PLAN))]


@router.get("", dependencies=[Depends(principal)])
async def list_policies(service: Running) -> Page[PolicyVersion]:
    """The newest version of each policy."""
    async with service.db.read() as tx:
        return Page(items=await views.newest(tx))


@router.get("/{policy_id}/versions", dependencies=[Depends(principal)])
async def list_versions(policy_id: str, service: Running) -> Page[PolicyVersion]:
    """All versions of one policy, newest first."""
    async with service.db.read() as tx:
        return Page(items=await views.versions(tx, policy_id))


@router.get("/references", dependencies=[Depends(principal)])
async def list_references() -> Page[Reference]:
    """The reference policies: real rules as data, to be posted as they are or changed."""
    return Page(items=views.references())


@router.post("", status_code=201, responses={200: {"model": GivenPolicy, "description": "Nothing new is stored"}})
async def give_policy(
    given: PolicyIn, service: Running, who: Officer, response: Response, dry_run: bool = False
) -> GivenPolicy:
    """A new version of a policy; plans change when a roster is published.

    `conflicts` shows where it meets other policies and which of them decides; `dry_run` shows only that.
    """
    version = await commands.give(service.db, service.clock, who, given, dry_run=dry_run)
    response.status_code = 201 if version.created else 200
    return views.given(version.row, version.late, version.conflicts, dry_run=dry_run)


@router.post("/{policy_id}/withdraw")
async def withdraw_policy(policy_id: str, service: Running, who: Officer) -> LatePolicy:
    """The policy holds no longer."""
    version = await commands.withdraw(service.db, service.clock, who, policy_id)
    return views.late(version.row, version.late)
