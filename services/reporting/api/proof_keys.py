"""By what checkpoints of the log and packs are verified, by anyone and without us."""

from fastapi import APIRouter, Request
from pydantic import BaseModel

from services.reporting.api.figures import Running
from services.reporting.domain.transparency import LogName, origin_of, under_trees
from shared.proof_keys import DOOR, ProofKeys
from shared.signing import KeyOut

router = APIRouter()


class ProofKeysOut(BaseModel):
    """The keys that packs and checkpoints are or were signed with, the present one first.

    verifier_keys: the same keys as text for the tools of C2SP's signed notes, one for each log and key.
    """

    keys: list[KeyOut]
    verifier_keys: list[str]


@router.get(DOOR)
async def keys(request: Request, service: Running) -> ProofKeysOut:
    """The public keys of checkpoints and packs, without sign-in: what they prove is for everybody to see."""
    held: ProofKeys | None = request.app.state.proof_keys
    if held is None:
        return ProofKeysOut(keys=[], verifier_keys=[])
    logs = [LogName(topic.name, number) for topic in under_trees() for number in range(topic.partitions)]
    return ProofKeysOut(
        keys=[KeyOut.model_validate(key) for key in held.jwks()],
        verifier_keys=[
            key for log in logs for key in held.verifier_keys(origin_of(service.settings.log_origin, log))
        ],
    )
