"""The log read over again, from Kafka or from an export, and held against its signed checkpoints.

Whoever has the public keys can do it, without reporting and its database. A checkpoint binds the records before it
as a whole: by itself it tells between which two checkpoints something is no longer what it was. Which record it is
takes the hashes of single ones: an export states them, reporting keeps them; and they are believed only where they
give the root that was signed.
"""

from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from pydantic import ValidationError

from deploy.addresses import database_url
from deploy.local.state import NotRunning
from services.reporting.domain.merkle import HASH, WIDTH, Growing, Tile, leaf_hash
from services.reporting.domain.transparency import (
    CHECKPOINTS,
    Checkpoint,
    Headers,
    LogName,
    ce_id_of,
    entry_of,
    under_trees,
)
from services.reporting.store import transparency as store
from shared import failures
from shared.database import Database
from shared.events import LogCheckpoint
from shared.log import Record, reading
from shared.proof_keys import PublicKeys
from shared.signing import Unproven

Progress = Callable[[int, int], None]
"""Called with (records read, of all)."""


class Line(NamedTuple):
    """One record as it was read: its place, its leaf's hash; of an export also what the export says these are."""

    offset: int
    headers: Headers
    leaf: bytes
    stated_leaf: bytes | None = None
    stated_index: int | None = None

    def __str__(self) -> str:
        return f"offset {self.offset}, ce_id {ce_id_of(self.headers)}"


class Noted(NamedTuple):
    """A checkpoint as it was found, and where."""

    log: LogName
    note: str
    where: str


class Finding(NamedTuple):
    """What is not as it was signed."""

    log: str
    text: str


Batches = AsyncGenerator[tuple[LogName, list[Line]]]


class Source(Protocol):
    """Where the log is read from. Its `findings` are what could not be read at all."""

    findings: list[Finding]

    async def checkpoints(self) -> list[Noted]:
        """Every checkpoint that it has."""
        ...

    async def size(self) -> int:
        """About how many records it has; 0 where only reading it would tell."""
        ...

    def batches(self, log: LogName | None = None) -> Batches:
        """Every record in the order of its log; of one log only, where it is named."""
        ...


class Leaves(Protocol):
    """Hashes of single records, from somewhere."""

    async def __call__(self, log: LogName, size: int) -> bytes | None:
        """The first `size` ones of a log, one after the other; None where there are not so many."""
        ...


@dataclass
class Verified:
    """What was read, what of it the checkpoints bind, and what is not as it was signed."""

    records: int = 0
    bound: int = 0
    logs: int = 0
    checkpoints: int = 0
    findings: list[Finding] = field(default_factory=list[Finding])


@dataclass
class _Checked:
    """One log while it is read."""

    due: list[Checkpoint]
    """Those still to be met, the smallest last."""
    tree: Growing = field(default_factory=Growing)
    good: int = 0
    """Leaves of the greatest checkpoint that held."""
    broken: Checkpoint | None = None
    """The first that did not."""
    first: Line | None = None
    """The first record after the last checkpoint that held; last: the one read last before the broken one."""
    last: Line | None = None
    gap: tuple[int, int, Line] | None = None
    """The first record of an export that says that its place is another one: where it stands, and that place."""

    def read(self, lines: Sequence[Line]) -> None:
        done = 0
        while done < len(lines) and self.broken is None:
            upto = len(lines)
            if self.due:
                upto = min(upto, done + self.due[-1].size - self.tree.size)
            part = lines[done:upto]
            for place, line in enumerate(part, self.tree.size) if self.gap is None else ():
                if line.stated_index is not None and line.stated_index != place:
                    self.gap = place, line.stated_index, line
                    break
            self.first, self.last = self.first or part[0], part[-1]
            self.tree.extend([line.leaf for line in part])
            done = upto
            self._meet()

    def _meet(self) -> None:
        while self.due and self.due[-1].size == self.tree.size and self.broken is None:
            checkpoint = self.due.pop()
            if self.tree.root() != checkpoint.root:
                self.broken = checkpoint
            else:
                self.good, self.first = checkpoint.size, None

    def end(self) -> None:
        """Nothing more comes: a checkpoint of more records than there are does not hold."""
        if self.broken is None and self.due:
            self.broken = self.due.pop()


async def verify(
    source: Source,
    keys: PublicKeys,
    *,
    kept: Sequence[Noted] = (),
    leaves: Sequence[Leaves] = (),
    progress: Progress = lambda _done, _all: None,
) -> Verified:
    """Hold every record of a source against its checkpoints, and those that somebody has kept elsewhere.

    `leaves`: where hashes of single records may be had from, to name the record that differs.
    """
    told = Verified()
    due = _signed([*await source.checkpoints(), *kept], keys, told)
    checked = {log: _Checked(checkpoints) for log, checkpoints in due.items()}
    total = await source.size()
    async for log, lines in source.batches():
        told.records += len(lines)
        if log not in checked:
            checked[log] = _Checked([])
        checked[log].read(lines)
        progress(told.records, max(total, told.records))
    told.logs = len(checked)
    for log, one in sorted(checked.items()):
        one.end()
        told.bound += one.good
        if one.broken is not None:
            told.findings.append(Finding(str(log), await _named(source, log, one, one.broken, leaves)))
    told.findings += source.findings
    return told


def _signed(found: Iterable[Noted], keys: PublicKeys, told: Verified) -> dict[LogName, list[Checkpoint]]:
    """The checkpoints that one of the keys has signed, by log, the greatest first."""
    by_size: dict[LogName, dict[int, Checkpoint]] = defaultdict(dict)
    for log, note, where in found:
        origin = note.partition("\n")[0]
        try:
            checkpoint = Checkpoint.of(keys.opened(note, origin))
        except (Unproven, ValueError) as error:
            told.findings.append(Finding(str(log), f"a checkpoint is not proven ({where}): {error}"))
            continue
        if not origin.endswith(f"/{log}"):
            told.findings.append(Finding(str(log), f"a checkpoint is of another log ({where}): {origin}"))
            continue
        told.checkpoints += 1
        known = by_size[log].setdefault(checkpoint.size, checkpoint)
        if known.root != checkpoint.root:
            told.findings.append(
                Finding(str(log), f"two checkpoints of {checkpoint.size} records have different roots ({where})")
            )
    return {log: [sizes[size] for size in sorted(sizes, reverse=True)] for log, sizes in by_size.items()}


async def _named(source: Source, log: LogName, one: _Checked, broken: Checkpoint, leaves: Sequence[Leaves]) -> str:
    """Which record it is, as exactly as can be told."""
    for known in leaves:
        hashes = await known(log, broken.size)
        if hashes is not None and _root(hashes) == broken.root:
            return await _first_that_differs(source, log, hashes)
    if one.gap is not None:
        place, stated, line = one.gap
        missing = f"record {place} is missing or stands elsewhere: " if stated > place else ""
        return f"{missing}in its place stands record {stated} ({line})"
    said = f"the checkpoint of {broken.size} records does not hold"
    if one.tree.size < broken.size:
        return f"{said}: there are {one.tree.size}, and of those before it {one.good} are as they were"
    return (
        f"{said}: one of the records {one.good} ({one.first}) to {broken.size - 1} ({one.last}) is not what it "
        "was; hashes of single records would tell which (an export of before, by --leaves)"
    )


def _root(hashes: bytes) -> bytes:
    tree = Growing()
    tree.extend([hashes[at : at + HASH] for at in range(0, len(hashes), HASH)])
    return tree.root()


async def _first_that_differs(source: Source, log: LogName, hashes: bytes) -> str:
    """By the hashes of what was counted; the record that comes next tells what became of it."""

    def known(index: int) -> bytes:
        return hashes[index * HASH : (index + 1) * HASH]

    index, differs = 0, None
    async for _, lines in source.batches(log):
        for line in lines:
            if differs is not None:
                return _became(index, differs, line, known)
            if line.leaf != known(index):
                differs = line
            else:
                index += 1
            if index * HASH == len(hashes):
                return "what differs was put right meanwhile: verify once more"
    if differs is not None:
        return _became(index, differs, None, known)
    return f"record {index} is missing: the log ends before it"


def _became(index: int, line: Line, following: Line | None, known: Callable[[int], bytes]) -> str:
    moved = line.leaf == known(index + 1)
    if following is not None and following.leaf == known(index):
        if moved:
            return f"record {index + 1} ({line}) stands before record {index} ({following})"
        return f"before record {index} stands one that was not there ({line})"
    if moved:
        return f"record {index} is missing; record {index + 1} ({line}) stands in its place"
    return f"record {index} ({line}) was altered"


class FromKafka:
    """The log as a cluster has it; `client` holds the connection arguments of a Kafka client."""

    def __init__(self, client: Mapping[str, Any], topics: Sequence[str] | None = None) -> None:
        self._client = client
        self._topics = list(topics or (topic.name for topic in under_trees()))
        self.findings: list[Finding] = []

    async def checkpoints(self) -> list[Noted]:
        found = list[Noted]()
        async with reading(self._client, [CHECKPOINTS]) as log:
            async for records in log.upto(await log.ends()):
                for record in records:
                    if (one := self._noted(record)) is not None:
                        found.append(one)
        return found

    def _noted(self, record: Record) -> Noted | None:
        where = f"{CHECKPOINTS}, partition {record.partition}, offset {record.offset}"
        try:
            event = LogCheckpoint.model_validate_json(record.value or b"")
            log = LogName.of(event.log)
            said = Checkpoint.of(event.checkpoint.rpartition("\n\n")[0] + "\n")
        except (ValidationError, ValueError) as error:
            self.findings.append(Finding(CHECKPOINTS, f"{where}: it is no checkpoint: {error}"))
            return None
        if (said.origin, said.size, said.root_text) != (event.origin, event.size, event.root_hash):
            self.findings.append(Finding(event.log, f"{where}: it says otherwise than the note that it holds"))
        return Noted(log, event.checkpoint, where) if log.topic in self._topics else None

    async def size(self, since: Mapping[LogName, int] | None = None) -> int:
        """`since`: of each log from this offset on, as for `records`."""
        async with reading(self._client, self._topics, rewound=False) as log:
            begins, ends = await log.begins(), await log.ends()
        known: Mapping[LogName, int] = since or {}
        return sum(end - max(begins[one], known.get(LogName(*one), 0)) for one, end in ends.items())

    async def batches(self, log: LogName | None = None) -> Batches:
        async for name, records in self.records(log):
            yield (
                name,
                [
                    Line(one.offset, one.headers, leaf_hash(entry_of(one.key, one.value, one.headers)))
                    for one in records
                ],
            )

    async def records(
        self, log: LogName | None = None, *, since: Mapping[LogName, int] | None = None
    ) -> AsyncGenerator[tuple[LogName, list[Record]]]:
        """The records themselves; of each log from an offset on, where `since` names one."""
        async with reading(self._client, [log.topic] if log else self._topics, rewound=False) as opened:
            begins, ends = await opened.begins(), await opened.ends()
            wanted = [one for one in ends if log is None or LogName(one.topic, one.partition) == log]
            if not wanted:
                return
            known: Mapping[LogName, int] = {} if since is None else since
            first = {one: known.get(LogName(one.topic, one.partition), 0) for one in wanted}
            opened.only({one: max(begins[one], first[one]) for one in wanted})
            async for records in opened.upto(ends):
                yield LogName(records[0].topic, records[0].partition), records


_TILES_AT_ONCE = 1000


async def from_database(log: LogName, size: int) -> bytes | None:
    """The hashes that reporting keeps, where its database can be reached from here."""
    found = bytearray()
    try:
        db = Database(database_url("reporting"), pool_size=2)
    except NotRunning:
        return None
    try:
        async with db.read() as tx:
            numbers = range(-(-size // WIDTH))
            for at in range(0, len(numbers), _TILES_AT_ONCE):
                wanted = [Tile(0, number) for number in numbers[at : at + _TILES_AT_ONCE]]
                tiles = await store.tiles(tx, log, wanted)
                found += b"".join(tiles.get(tile, b"") for tile in wanted)
    except Exception as error:
        if not failures.is_away(error):
            raise
        return None
    finally:
        await db.close()
    return bytes(found[: size * HASH]) if len(found) >= size * HASH else None
