"""The log is followed: each record that can be read becomes a leaf of its partition's tree, and trees are signed.

What is counted once is never counted otherwise. Each look begins with the record that was the last leaf; where
that is another one, or gone, the topic was made again: it is compared with the tree from its beginning. If it is
the same the tree grows on, whatever the offsets are now; if not, it stands still and nothing is signed for it.
"""

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid5

from services.reporting.domain.merkle import (
    HASH,
    WIDTH,
    Growing,
    Tile,
    edge_of,
    joined,
    leaf_hash,
    parts,
    worked_out,
)
from services.reporting.domain.transparency import Checkpoint, LogName, ce_id_of, entry_of, mark_of, origin_of
from services.reporting.store import transparency as store
from services.reporting.store.transparency import FoundBy, Signed, Tree
from shared import outbox
from shared.database import Database, Tx
from shared.events import LogCheckpoint, source_of
from shared.log import Log, Offsets, Record, reading
from shared.outbox import Outgoing
from shared.proof_keys import ProofKeys

log = logging.getLogger(__name__)

SOURCE = source_of("reporting")
_IDS = UUID("5c4f7b0a-6d0e-4c57-9a61-1f0a6f0b9d53")
_AT_ONCE = 250
"""Records that are hashed before anything else of the process gets its turn: some 3 ms."""
REST = 3.0
"""So many times as long as it worked the follower rests after each batch: it is never in a hurry."""


class AnotherFollows(Exception):
    """Another process has moved the same tree."""


@dataclass(slots=True)
class _Following:
    """One tree while its log is read."""

    name: LogName
    tree: Growing
    held: int
    """Leaves that are stored."""
    expects: bytes | None
    """The hash of the last leaf, which the first record that is read has to have; None once it had."""
    at: int
    """The offset of the last leaf's record."""
    edge: dict[int, FoundBy] = field(default_factory=dict[int, FoundBy])
    """What the last tile of level 0 is found by, under its number."""


async def grow(
    db: Database, client: Mapping[str, Any], topics: Sequence[str], now: dt.datetime, *, rest: float = REST
) -> int:
    """Take in what has come since the last time; returns how many records.

    `client` holds the connection arguments of a Kafka client.
    """
    async with db.read() as tx:
        held = await store.trees(tx)
    async with reading(client, topics, rewound=False) as opened:
        begins, ends = await opened.begins(), await opened.ends()
        starts: Offsets = {}
        again = list[Tree]()
        for partition, end in ends.items():
            tree = held.get(LogName(partition.topic, partition.partition))
            if tree is None:
                if end > begins[partition]:
                    starts[partition] = begins[partition]
            elif tree.looked_to != end:
                if tree.differs is not None or end <= tree.last_offset:
                    again.append(tree)
                else:
                    starts[partition] = tree.last_offset
        taken = 0
        if starts:
            opened.only(starts)
            taken, elsewhere = await _follow(db, opened, ends, held, now=now, rest=rest)
            again += elsewhere
        for tree in again:
            await _compare(db, opened, tree, begins, ends)
    return taken


async def _follow(
    db: Database, opened: Log, ends: Offsets, held: Mapping[LogName, Tree], *, now: dt.datetime, rest: float
) -> tuple[int, list[Tree]]:
    """How many records were taken in, and the trees whose last leaf is not where it was."""
    following = dict[LogName, _Following | None]()
    taken = 0
    async for records in opened.upto(ends):
        began = time.perf_counter()
        name = LogName(records[0].topic, records[0].partition)
        if name not in following:
            following[name] = await _begin(db, name, held.get(name))
        one = following[name]
        if one is None:
            continue
        fresh = records
        if one.expects is not None:
            if records[0].offset != one.at or leaf_of(records[0]) != one.expects:
                following[name] = None
                continue
            one.expects, fresh = None, records[1:]
        if fresh:
            taken += len(fresh)
            await _take_in(db, one, fresh, now)
        await asyncio.sleep(rest * (time.perf_counter() - began))
    looked = {LogName(p.topic, p.partition): ends[p] for p in opened.partitions}
    elsewhere = [held[name] for name in looked if name in held and following.get(name, None) is None]
    async with db.transaction() as tx:
        await store.looked(tx, {name: end for name, end in looked.items() if following.get(name) is not None})
    return taken, elsewhere


def leaf_of(record: Record) -> bytes:
    """The hash of the leaf that a record is."""
    return leaf_hash(entry_of(record.key, record.value, record.headers))


async def _begin(db: Database, name: LogName, tree: Tree | None) -> _Following:
    if tree is None:
        return _Following(name, Growing(), 0, None, -1)
    last = Tile(0, (tree.size - 1) // WIDTH)
    edge = edge_of(tree.size)
    async with db.read() as tx:
        tiles = await store.tiles(tx, name, {last, *edge})
        found = await store.found_by(tx, name, last.number)
    growing = Growing(tree.size, [tiles.get(tile, b"") for tile in edge])
    held = {last.number: found} if found is not None and tree.size % WIDTH else {}
    return _Following(name, growing, tree.size, tiles[last][-HASH:], tree.last_offset, held)


async def _take_in(db: Database, one: _Following, records: Sequence[Record], now: dt.datetime) -> None:
    leaves = list[bytes]()
    marks = {number: bytearray(found.marks) for number, found in one.edge.items()}
    firsts = {number: found.first_offset for number, found in one.edge.items()}
    for index, record in enumerate(records):
        leaves.append(leaf_of(record))
        number = (one.tree.size + index) // WIDTH
        if number not in marks:
            marks[number], firsts[number] = bytearray(), record.offset
        marks[number] += mark_of(ce_id_of(record.headers))
        if index % _AT_ONCE == _AT_ONCE - 1:
            await asyncio.sleep(0)
    changed = one.tree.extend(leaves)
    found = {number: FoundBy(bytes(marks[number]), firsts[number]) for number in marks}
    last = records[-1].offset
    async with db.transaction() as tx:
        await store.put_tiles(tx, one.name, changed, found)
        if not await store.advance(
            tx, one.name, one.held, one.tree.size, last_offset=last, looked_to=last + 1, since=now
        ):
            raise AnotherFollows(str(one.name))
    one.held, one.at = one.tree.size, last
    number = one.held // WIDTH
    one.edge = {number: found[number]} if number in found else {}


async def _compare(db: Database, opened: Log, tree: Tree, begins: Offsets, ends: Offsets) -> None:
    """Read a log again from its beginning, and say whether it begins with what was counted."""
    name = tree.log
    (partition,) = [p for p in ends if LogName(p.topic, p.partition) == name]
    opened.only({partition: begins[partition]})
    index, at, hashes, differs = 0, tree.last_offset, b"", None
    async for records in opened.upto({partition: ends[partition]}):
        for record in records[: tree.size - index]:
            if index % WIDTH == 0:
                tile = Tile(0, index // WIDTH)
                async with db.read() as tx:
                    hashes = (await store.tiles(tx, name, [tile]))[tile]
            place = index % WIDTH * HASH
            if leaf_of(record) != hashes[place : place + HASH]:
                differs = (
                    f"record {index} (offset {record.offset}, ce_id {ce_id_of(record.headers)}) is not the one "
                    "that was counted"
                )
                break
            index, at = index + 1, record.offset
        if differs is not None or index == tree.size:
            break
    if differs is None and index < tree.size:
        differs = f"it ends after {index} of the {tree.size} records that were counted"
    said = {"log": str(name), "differs": differs}
    if differs is None:
        log.info("a topic was made again, and begins with what was counted", extra={"fields": said})
    else:
        log.error("a log is not what was counted; nothing is signed for it", extra={"fields": said})
    looked_to = at + 1 if differs is None else ends[partition]
    async with db.transaction() as tx:
        await store.moved(tx, name, last_offset=at, looked_to=looked_to, differs=differs)


async def sign(db: Database, keys: ProofKeys, city: str, now: dt.datetime) -> int:
    """Sign each tree that has grown since its last checkpoint, once an hour; returns how many were signed.

    `city` is the beginning of every origin.
    """
    async with db.read() as tx:
        held = await store.trees(tx)
    due = [tree for tree in held.values() if tree.differs is None and _is_due(tree, now)]
    for tree in due:
        async with db.transaction() as tx:
            await _sign(tx, keys, city, tree, now)
    return len(due)


def _is_due(tree: Tree, now: dt.datetime) -> bool:
    if tree.size == tree.checkpoint_size:
        return False
    # Not "an hour later": a clock that was set back must not keep a checkpoint away.
    return tree.checkpoint_at is None or _hour(tree.checkpoint_at) != _hour(now)


def _hour(instant: dt.datetime) -> dt.datetime:
    return instant.astimezone(dt.UTC).replace(minute=0, second=0, microsecond=0)


async def _sign(tx: Tx, keys: ProofKeys, city: str, tree: Tree, now: dt.datetime) -> None:
    checkpoint = Checkpoint(origin_of(city, tree.log), tree.size, await root_of(tx, tree.log, tree.size))
    note = keys.note(checkpoint.origin, checkpoint.text())
    *_, signature = note.split()
    event = LogCheckpoint(
        log=str(tree.log),
        origin=checkpoint.origin,
        size=checkpoint.size,
        root_hash=checkpoint.root_text,
        signature=signature,
        checkpoint=note,
    )
    await store.signed(tx, Signed(*tree.log, tree.size, checkpoint.root, note, now))
    await outbox.add(tx, [Outgoing(event, uuid5(_IDS, f"{checkpoint.origin}/{tree.size}"), now)], source=SOURCE)


async def root_of(tx: Tx, name: LogName, size: int) -> bytes:
    """The root of the log's tree when it had so many leaves."""
    wanted = parts(0, size)
    tiles = await store.tiles(tx, name, {node.tile for node in wanted})
    return joined(worked_out([[node] for node in wanted], tiles))


@dataclass(frozen=True, slots=True)
class Standing:
    """Seconds for which the oldest record waits for a checkpoint, and how many logs differ from their trees."""

    waiting_s: float
    differing: int


async def standing(db: Database, now: dt.datetime) -> Standing:
    """How the trees stand now."""
    async with db.read() as tx:
        held = (await store.trees(tx)).values()
    waiting = [(now - tree.since).total_seconds() for tree in held if tree.since is not None]
    return Standing(max(waiting, default=0.0), sum(tree.differs is not None for tree in held))
