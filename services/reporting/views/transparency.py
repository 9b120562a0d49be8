"""What of the log's trees is shown: where each stands, its checkpoints, and proofs that anybody can verify."""

import datetime as dt
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel

from services.reporting.domain.merkle import (
    HASH,
    WIDTH,
    Part,
    Tile,
    consistency,
    inclusion,
    joined,
    leaf_hash,
    parts,
    worked_out,
)
from services.reporting.domain.transparency import LogName, ce_id_of, entry_of, mark_of, written
from services.reporting.store import transparency as store
from services.reporting.store.transparency import Signed
from shared.access import READ_LOG, Principal, may
from shared.cursors import Page
from shared.database import Database, Tx
from shared.events import TOPICS, AttendanceRecorded
from shared.log import Record, nth
from shared.refusals import Conflict, FieldError, Invalid, Missing


class TreeOut(BaseModel):
    """The tree of one partition.

    size: records counted; checkpoint_size: of them bound by the last checkpoint; waits_since: from when on there
    have been others; differs: in what the partition is no longer what was counted, null while it is.
    """

    log: str
    size: int
    checkpoint_size: int
    checkpoint_at: dt.datetime | None
    waits_since: dt.datetime | None
    differs: str | None


class TreesOut(Page[TreeOut]):
    """Every tree there is. outside: the topics that have none, each with the reason."""

    outside: Mapping[str, Literal["compacted", "checkpoints"]]


class CheckpointOut(BaseModel):
    """A checkpoint. root_hash is in base64; checkpoint is the signed note of which the rest is taken."""

    log: str
    size: int
    root_hash: str
    made_at: dt.datetime
    checkpoint: str


class ConsistencyOut(BaseModel):
    """That the tree of `second` records begins with that of `first` (RFC 9162, 2.1.4). Hashes are in base64."""

    log: str
    first: int
    second: int
    first_root: str
    second_root: str
    path: list[str]


class HeaderOut(BaseModel):
    name: str
    value: str | None


class RecordOut(BaseModel):
    """A record as it lies in Kafka; where one of its texts is no UTF-8, all of them are in base64."""

    offset: int
    encoding: Literal["utf-8", "base64"]
    key: str | None
    value: str | None
    headers: list[HeaderOut]


class ProofOut(BaseModel):
    """That a record is in the tree that a checkpoint has signed (RFC 9162, 2.1.3). Hashes are in base64.

    index: its place in the log, from 0; size: of the checkpoint's tree.
    """

    log: str
    index: int
    size: int
    leaf_hash: str
    path: list[str]
    checkpoint: str
    record: RecordOut


class TileOut(BaseModel):
    """A tile of a tree, as far as it is filled: 256 hashes at most, each 32 bytes in base64."""

    log: str
    level: int
    number: int
    hashes: list[str]


def base64_of(content: bytes) -> str:
    """Standard base64, with padding."""
    return b64encode(content).decode()


async def trees(tx: Tx) -> list[TreeOut]:
    """Where each tree stands, by topic and partition."""
    return [
        TreeOut(
            log=str(log),
            size=tree.size,
            checkpoint_size=tree.checkpoint_size,
            checkpoint_at=tree.checkpoint_at,
            waits_since=tree.since,
            differs=tree.differs,
        )
        for log, tree in sorted((await store.trees(tx)).items())
    ]


async def checkpoints(
    tx: Tx, topic: str | None, partition: int | None, after: Sequence[str | int] | None, most: int
) -> list[Signed]:
    """Checkpoints by topic, partition and size, after the one named by these."""
    return await store.checkpoints(tx, topic, partition, after, most)


def place(signed: Signed) -> tuple[str, int, int]:
    """By what they are listed."""
    return signed.topic, signed.partition, signed.size


def checkpoint(signed: Signed) -> CheckpointOut:
    """As it is shown."""
    return CheckpointOut(
        log=str(signed.log),
        size=signed.size,
        root_hash=base64_of(signed.root),
        made_at=signed.made_at,
        checkpoint=signed.note,
    )


async def consistent(tx: Tx, log: LogName, first: int, second: int) -> ConsistencyOut:
    """Raises Missing for a log that has no tree, Invalid for sizes that its tree never had in this order."""
    tree = (await store.trees(tx)).get(log)
    if tree is None:
        raise Missing("log.unknown", params={"log": str(log)})
    if not 0 < first <= second <= tree.size:
        raise Invalid("validation", errors=[FieldError("first", "log.sizes", {"size": tree.size})])
    first_root, second_root, path = await _worked_out(
        tx, log, [parts(0, first), parts(0, second)], consistency(first, second)
    )
    return ConsistencyOut(
        log=str(log),
        first=first,
        second=second,
        first_root=base64_of(first_root),
        second_root=base64_of(second_root),
        path=[base64_of(step) for step in path],
    )


async def _worked_out(
    tx: Tx, log: LogName, roots: Sequence[Part], path: Sequence[Part]
) -> tuple[bytes, bytes, list[bytes]]:
    tiles = await store.tiles(tx, log, {node.tile for part in [*roots, *path] for node in part})
    first, second = worked_out(roots, tiles)
    return first, second, worked_out(path, tiles)


async def tile(tx: Tx, log: LogName, level: int, number: int) -> TileOut:
    """Raises Missing where there is none."""
    wanted = Tile(level, number)
    hashes = (await store.tiles(tx, log, [wanted])).get(wanted)
    if hashes is None:
        raise Missing("log.unknown", params={"log": f"{log}, tile {level}/{number}"})
    return TileOut(
        log=str(log),
        level=level,
        number=number,
        hashes=[base64_of(hashes[at : at + HASH]) for at in range(0, len(hashes), HASH)],
    )


async def proof(db: Database, client: Mapping[str, Any], who: Principal, topic: str, id: UUID) -> ProofOut:
    """That the record of an event, or of a punch, is in its log; the record is read from Kafka.

    `client` holds the connection arguments of a Kafka client. Raises Missing where there is none or it is not the
    caller's to see, Conflict while no checkpoint binds it, or where Kafka no longer has what was counted.
    """
    async with db.read() as tx:
        ids = {str(id)}
        if topic == AttendanceRecorded.topic and (event := await store.event_of_punch(tx, id)) is not None:
            ids.add(event)
        places = [place for one in sorted(ids) for place in await store.marked(tx, topic, mark_of(one))]
    for log, number, first_offset, within in places:
        record = await nth(client, *log, first_offset, within)
        if record is not None and (ce_id_of(record.headers) or "").lower() in ids and _may_see(who, record):
            return await _proven(db, log, number * WIDTH + within, record)
    raise Missing("log.record_unknown")


def _may_see(who: Principal, record: Record) -> bool:
    """What is public, everybody; what is a person's, themselves and those who read all of the log."""
    topic = TOPICS[record.topic]
    if topic.audience == "public" or may(who, READ_LOG):
        return True
    return topic.key == "employee_id" and who.subject is not None and record.key == str(who.subject).encode()


async def _proven(db: Database, log: LogName, index: int, record: Record) -> ProofOut:
    async with db.read() as tx:
        signed = await store.latest(tx, log, index + 1)
        if signed is None:
            raise Conflict("log.not_signed_yet")
        path = inclusion(index, signed.size)
        leaf_tile = Tile(0, index // WIDTH)
        tiles = await store.tiles(tx, log, {leaf_tile, *(node.tile for part in path for node in part)})
    leaf = leaf_hash(entry_of(record.key, record.value, record.headers))
    at = index % WIDTH * HASH
    if tiles[leaf_tile][at : at + HASH] != leaf:
        raise Conflict("log.record_differs", params={"log": str(log), "index": index})
    return ProofOut(
        log=str(log),
        index=index,
        size=signed.size,
        leaf_hash=base64_of(leaf),
        path=[base64_of(joined([node.within(tiles[node.tile]) for node in part])) for part in path],
        checkpoint=signed.note,
        record=shown(record),
    )


def shown(record: Record) -> RecordOut:
    """A record as text."""
    encoding, key, value, headers = written(record.key, record.value, record.headers)
    return RecordOut(
        offset=record.offset,
        encoding=encoding,
        key=key,
        value=value,
        headers=[HeaderOut(name=name, value=content) for name, content in headers],
    )
