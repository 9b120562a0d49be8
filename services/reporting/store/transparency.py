"""The SQL of the log's Merkle trees: where each stands, its tiles, and its checkpoints."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from services.reporting.domain.merkle import Tile
from services.reporting.domain.transparency import MARK, LogName
from shared.database import Tx

_TREES = """
    select topic, partition, size, last_offset, looked_to, since, checkpoint_size, checkpoint_at, differs
    from log_tree
"""
_TILES = """
    select level, number, hashes from log_tile
    where topic = $1 and partition = $2
        and (level, number) in (select * from unnest($3::smallint[], $4::bigint[]))
"""
_FOUND_BY = """
    select marks, first_offset from log_tile where topic = $1 and partition = $2 and level = 0 and number = $3
"""
_MARKED = """
    select topic, partition, number, first_offset, marks from log_tile
    where topic = $1 and level = 0 and position($2::bytea in marks) > 0
    order by partition, number
"""
_PUT_TILES = """
    insert into log_tile (topic, partition, level, number, hashes, marks, first_offset)
    select $1, $2, * from unnest($3::smallint[], $4::bigint[], $5::bytea[], $6::bytea[], $7::bigint[])
    on conflict (topic, partition, level, number) do update set hashes = excluded.hashes, marks = excluded.marks
"""
_ADVANCE = """
    insert into log_tree as held (topic, partition, size, last_offset, looked_to, since)
    values ($1, $2, $4, $5, $6, $7)
    on conflict (topic, partition) do update set size = excluded.size, last_offset = excluded.last_offset,
        looked_to = excluded.looked_to, since = coalesce(held.since, excluded.since)
    where held.size = $3
    returning true
"""
_LOOKED = "update log_tree set looked_to = $3 where topic = $1 and partition = $2"
_MOVED = """
    update log_tree set last_offset = $3, looked_to = $4, differs = $5 where topic = $1 and partition = $2
"""
_SIGNED = """
    with signed as (
        insert into log_checkpoint (topic, partition, size, root, note, made_at) values ($1, $2, $3, $4, $5, $6)
    )
    update log_tree
    set checkpoint_size = $3, checkpoint_at = $6, since = case when size > $3 then $6::timestamptz end
    where topic = $1 and partition = $2
"""
_CHECKPOINTS = """
    select topic, partition, size, root, note, made_at from log_checkpoint
    where ($1::text is null or topic = $1) and ($2::integer is null or partition = $2)
        and ($3::text is null or (topic, partition, size) > ($3, $4::integer, $5::bigint))
    order by topic, partition, size limit $6
"""
_LATEST = """
    select topic, partition, size, root, note, made_at from log_checkpoint
    where topic = $1 and partition = $2 and size >= $3 order by size desc limit 1
"""
_OF_PUNCH = "select ce_id::text from fact_punch where punch_id = $1 order by ce_id limit 1"


class Tree(NamedTuple):
    """Where the tree of a log stands.

    last_offset: of the record that is its last leaf; looked_to: up to there was nothing more to be read; since:
    from when on there have been records that no checkpoint binds; differs: in what the log is no longer what was
    counted, None while it is.
    """

    topic: str
    partition: int
    size: int
    last_offset: int
    looked_to: int
    since: dt.datetime | None
    checkpoint_size: int
    checkpoint_at: dt.datetime | None
    differs: str | None

    @property
    def log(self) -> LogName:
        return LogName(self.topic, self.partition)


class Signed(NamedTuple):
    """A checkpoint as it was signed, and when."""

    topic: str
    partition: int
    size: int
    root: bytes
    note: str
    made_at: dt.datetime

    @property
    def log(self) -> LogName:
        return LogName(self.topic, self.partition)


class FoundBy(NamedTuple):
    """What the records of a tile of level 0 are found by: marks of their ids, and the first one's offset."""

    marks: bytes
    first_offset: int


class Marked(NamedTuple):
    """A place at which a record may be: in which tile of level 0, from which offset, as the how-manyth of it."""

    log: LogName
    number: int
    first_offset: int
    place: int


async def trees(tx: Tx) -> dict[LogName, Tree]:
    """Every tree there is."""
    found = [Tree(**row) for row in await tx.connection.fetch(_TREES)]
    return {tree.log: tree for tree in found}


async def tiles(tx: Tx, log: LogName, wanted: Collection[Tile]) -> dict[Tile, bytes]:
    """The hashes of those of the tiles that are there."""
    levels, numbers = [tile.level for tile in wanted], [tile.number for tile in wanted]
    rows = await tx.connection.fetch(_TILES, log.topic, log.partition, levels, numbers)
    return {Tile(row["level"], row["number"]): row["hashes"] for row in rows}


async def found_by(tx: Tx, log: LogName, number: int) -> FoundBy | None:
    """Of the tile of level 0; None where there is none."""
    row = await tx.connection.fetchrow(_FOUND_BY, log.topic, log.partition, number)
    return FoundBy(**row) if row is not None else None


async def marked(tx: Tx, topic: str, mark: bytes) -> list[Marked]:
    """Where in a topic records with this mark may be, by partition, the oldest first."""
    found: list[Marked] = []
    for row in await tx.connection.fetch(_MARKED, topic, mark):
        marks: bytes = row["marks"]
        places = [at // MARK for at in range(0, len(marks), MARK) if marks[at : at + MARK] == mark]
        log = LogName(row["topic"], row["partition"])
        found += [Marked(log, row["number"], row["first_offset"], place) for place in places]
    return found


async def put_tiles(tx: Tx, log: LogName, changed: Mapping[Tile, bytes], leaves: Mapping[int, FoundBy]) -> None:
    """Write the tiles that became longer; `leaves` has those of level 0 by number."""
    at_level_0 = [leaves.get(tile.number) if tile.level == 0 else None for tile in changed]
    await tx.connection.execute(
        _PUT_TILES,
        log.topic,
        log.partition,
        [tile.level for tile in changed],
        [tile.number for tile in changed],
        list(changed.values()),
        [one.marks if one else None for one in at_level_0],
        [one.first_offset if one else None for one in at_level_0],
    )


async def advance(
    tx: Tx, log: LogName, held: int, size: int, *, last_offset: int, looked_to: int, since: dt.datetime
) -> bool:
    """Move a tree on from `held` leaves; False where another process has moved it."""
    return bool(
        await tx.connection.fetchval(_ADVANCE, log.topic, log.partition, held, size, last_offset, looked_to, since)
    )


async def looked(tx: Tx, upto: Mapping[LogName, int]) -> None:
    """Remember up to which offset of each log there was nothing more to be read."""
    await tx.connection.executemany(_LOOKED, [(log.topic, log.partition, offset) for log, offset in upto.items()])


async def moved(tx: Tx, log: LogName, *, last_offset: int, looked_to: int, differs: str | None) -> None:
    """Say where the last leaf's record lies now, or in what the log differs from what was counted."""
    await tx.connection.execute(_MOVED, log.topic, log.partition, last_offset, looked_to, differs)


async def signed(tx: Tx, checkpoint: Signed) -> None:
    """Keep a checkpoint; its tree's records are bound by it."""
    await tx.connection.execute(_SIGNED, *checkpoint)


async def checkpoints(
    tx: Tx, topic: str | None, partition: int | None, after: Sequence[str | int] | None, most: int
) -> list[Signed]:
    """Checkpoints of all logs or some, after the one named by (topic, partition, size)."""
    rest = after or (None, None, None)
    return [Signed(**row) for row in await tx.connection.fetch(_CHECKPOINTS, topic, partition, *rest, most)]


async def latest(tx: Tx, log: LogName, least: int) -> Signed | None:
    """The newest checkpoint that binds so many leaves at least."""
    row = await tx.connection.fetchrow(_LATEST, log.topic, log.partition, least)
    return Signed(**row) if row is not None else None


async def event_of_punch(tx: Tx, punch_id: UUID) -> str | None:
    """The id of the event that recorded a punch; None where no such fact is kept."""
    return await tx.connection.fetchval(_OF_PUNCH, punch_id)
