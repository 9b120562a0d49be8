"""The doors of the log's trees: where they stand, checkpoints, proofs.

Sizes and hashes say nothing of anybody, so all but the records themselves and the hashes of single ones is for
everyone who is signed in; who is not reads `log.checkpoint.v1`.
"""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from services.reporting.api.figures import Running
from services.reporting.domain.transparency import CHECKPOINTS, LogName, under_trees
from services.reporting.views import transparency as views
from services.reporting.views.transparency import (
    CheckpointOut,
    ConsistencyOut,
    ProofOut,
    TileOut,
    TreesOut,
)
from shared.access import READ_LOG
from shared.auth import Caller, require
from shared.bus import client_arguments
from shared.cursors import Limit, Page, cut, read_cursor
from shared.events import TOPICS
from shared.refusals import FieldError, Invalid

router = APIRouter(prefix="/reporting/v1/log", tags=["log"])

TopicName = Annotated[str, Query(max_length=100, examples=["attendance.recorded.v1"])]
Partition = Annotated[int, Query(ge=0, le=2**31 - 1)]
Leaves = Annotated[int, Query(ge=0, le=2**40, description="Records, from the first one on")]


def log_of(topic: TopicName, partition: Partition) -> LogName:
    """FastAPI dependency: the log that a door is asked about. Raises Invalid for a topic that has no trees."""
    _known(topic)
    return LogName(topic, partition)


OfLog = Annotated[LogName, Depends(log_of)]


def _known(topic: str) -> None:
    names = [one.name for one in under_trees()]
    if topic not in names:
        raise Invalid(
            "validation", errors=[FieldError("topic", "log.topic_has_none", {"topics": ", ".join(names)})]
        )


@router.get("/trees")
async def trees(who: Caller, service: Running) -> TreesOut:
    """Where the tree of each partition stands, and which topics have none."""
    del who
    async with service.db.read() as tx:
        items = await views.trees(tx)
    under = {topic.name for topic in under_trees()}
    outside = {name: "checkpoints" if name == CHECKPOINTS else "compacted" for name in TOPICS if name not in under}
    return TreesOut.model_validate({"items": items, "outside": outside})


@router.get("/checkpoints")
async def checkpoints(
    *,
    who: Caller,
    service: Running,
    topic: TopicName | None = None,
    partition: Partition | None = None,
    limit: Limit = 1000,
    cursor: str | None = None,
) -> Page[CheckpointOut]:
    """Checkpoints by topic, partition and size: each a signed note as C2SP's tlog-checkpoint has it."""
    del who
    if topic is not None:
        _known(topic)
    after = read_cursor(cursor, str, int, int) if cursor else None
    async with service.db.read() as tx:
        signed = await views.checkpoints(tx, topic, partition, after, limit + 1)
    page = cut(signed, limit, views.place)
    return Page(items=[views.checkpoint(one) for one in page.items], next=page.next)


@router.get("/consistency")
async def consistency(log: OfLog, first: Leaves, second: Leaves, who: Caller, service: Running) -> ConsistencyOut:
    """The proof that a log of `second` records begins with the `first` of them (RFC 9162, 2.1.4)."""
    del who
    async with service.db.read() as tx:
        return await views.consistent(tx, log, first, second)


@router.get("/proofs")
async def proofs(topic: TopicName, id: UUID, who: Caller, service: Running) -> ProofOut:
    """The proof that the record with this event id, or of this punch, is in the log, with the record.

    For the person whose record it is, for auditors and BKPSDM; records of public topics for everybody. `hadir log
    verify-receipt` verifies the answer without us.
    """
    _known(topic)
    client = {**client_arguments(service.settings), "client_id": "hadir-log"}
    return await views.proof(service.db, client, who, topic, id)


@router.get("/tiles", dependencies=[Depends(require(READ_LOG))])
async def tiles(
    log: OfLog,
    level: Annotated[int, Query(ge=0, le=7)],
    number: Annotated[int, Query(ge=0, le=2**40)],
    service: Running,
) -> TileOut:
    """A tile of hashes (C2SP's tlog-tiles): those of single records at level 0. For auditors and BKPSDM."""
    async with service.db.read() as tx:
        return await views.tile(tx, log, level, number)
