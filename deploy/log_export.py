"""The log in a file: lines of JSON with every record, the hash of its leaf, and the checkpoints."""

import gzip
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import msgspec
from msgspec import Struct

from deploy.logbook import Batches, Finding, FromKafka, Line, Noted, Progress
from services.reporting.domain.merkle import HASH, leaf_hash
from services.reporting.domain.transparency import Encoding, LogName, Written, entry_of, read_again, written


class _Head(Struct, tag_field="kind", tag="hadir log export"):
    """The first line of an export."""

    version: int


class _Checkpoint(Struct, tag_field="kind", tag="checkpoint"):
    log: str
    checkpoint: str


class _Record(Struct, tag_field="kind", tag="record"):
    """A record: its place in its log from 0, its offset in Kafka, what it is, and the hash of its leaf (hex)."""

    log: str
    index: int
    offset: int
    encoding: Encoding
    key: str | None
    value: str | None
    headers: list[tuple[str, str | None]]
    leaf: str


_decode = msgspec.json.Decoder(_Head | _Checkpoint | _Record).decode
_encode = msgspec.json.Encoder().encode
_AT_ONCE = 500
"""Records of one log that are held before they are handed on: an export has those of all logs mixed."""


def _open(file: Path, mode: str, *, packed: bool) -> IO[bytes]:
    opener: Any = gzip.open if packed else open
    return opener(file, mode)


def _packed(file: Path) -> bool:
    return file.suffix == ".gz"


async def export(source: FromKafka, file: Path, progress: Progress) -> int:
    """Write checkpoints and records as lines of JSON, compressed where the name ends in `.gz`; returns how many of
    the latter."""
    total, done = await source.size(), 0
    counted = defaultdict[LogName, int](int)
    partial = file.with_name(f"{file.name}.part")
    with _open(partial, "wb", packed=_packed(file)) as out:
        out.write(_encode(_Head(1)) + b"\n")
        for log, note, _ in await source.checkpoints():
            out.write(_encode(_Checkpoint(str(log), note)) + b"\n")
        async for log, records in source.records():
            for record in records:
                leaf = leaf_hash(entry_of(record.key, record.value, record.headers)).hex()
                text = written(record.key, record.value, record.headers)
                line = _Record(str(log), counted[log], record.offset, *text, leaf)
                out.write(_encode(line) + b"\n")
                counted[log] += 1
            done += len(records)
            progress(done, total)
    partial.replace(file)
    return done


class NoExport(Exception):
    """The file is no export; the text says what to do."""


class FromExport:
    """The log as an export has it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.findings: list[Finding] = []
        with _open(file, "rb", packed=_packed(file)) as lines:
            try:
                head = _decode(lines.readline(1000))
            except (msgspec.MsgspecError, OSError, EOFError) as error:
                raise NoExport(f"{file} is no export of the log: make one with `hadir log export`") from error
        if not isinstance(head, _Head) or head.version != 1:
            raise NoExport(f"{file} is an export of a later version: use that version to read it")

    async def checkpoints(self) -> list[Noted]:
        found = list[Noted]()
        for number, line in self._lines():
            if isinstance(line, _Checkpoint):
                found.append(Noted(LogName.of(line.log), line.checkpoint, f"{self._file.name}, line {number}"))
            elif isinstance(line, _Record):
                break
        return found

    async def size(self) -> int:
        return 0

    def _lines(self) -> Iterable[tuple[int, _Head | _Checkpoint | _Record | None]]:
        """Each line with its number from 1; None for one that cannot be read."""
        with _open(self._file, "rb", packed=_packed(self._file)) as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield number, _decode(line)
                except msgspec.MsgspecError:
                    yield number, None

    async def batches(self, log: LogName | None = None) -> Batches:
        held: dict[str, list[Line]] = defaultdict(list)
        wanted, again = None if log is None else str(log), log is not None
        for number, line in self._lines():
            if isinstance(line, _Record) and wanted in (None, line.log):
                held[line.log].append(self._line(number, line))
                if len(held[line.log]) >= _AT_ONCE:
                    yield LogName.of(line.log), held.pop(line.log)
            elif line is None and not again:
                self.findings.append(Finding(self._file.name, f"line {number} cannot be read"))
        for name, lines in held.items():
            yield LogName.of(name), lines

    def _line(self, number: int, line: _Record) -> Line:
        stated = None
        try:
            stated = bytes.fromhex(line.leaf)
            record = read_again(Written(line.encoding, line.key, line.value, line.headers))
            leaf = leaf_hash(entry_of(*record))
            _, _, headers = record
        except ValueError:
            leaf, headers = leaf_hash(f"line {number}".encode()), ()
        return Line(line.offset, headers, leaf, stated, line.index)

    async def leaves(self, log: LogName, size: int) -> bytes | None:
        """The hashes that it states, in the order of its lines."""
        found = bytearray()
        async for _, lines in self.batches(log):
            for line in lines:
                found += line.stated_leaf or bytes(HASH)
                if len(found) == size * HASH:
                    return bytes(found)
        return None


def kept_elsewhere(file: Path) -> list[Noted]:
    """Checkpoints that somebody has saved: an answer of `/reporting/v1/log/checkpoints`, or one signed note.

    Raises NoExport where it is neither.
    """
    text = file.read_text()
    try:
        if not text.lstrip().startswith("{"):
            origin = text.partition("\n")[0]
            topic, partition = origin.split("/")[-2:]
            return [Noted(LogName.of(f"{topic}/{partition}"), text, file.name)]
        saved = msgspec.json.decode(text, type=_Saved)
        return [Noted(LogName.of(one.log), one.checkpoint, file.name) for one in saved.items]
    except (ValueError, msgspec.MsgspecError) as error:
        raise NoExport(
            f"{file} holds no checkpoints: save an answer of /reporting/v1/log/checkpoints, or one note"
        ) from error


class _SavedOne(Struct):
    log: str
    checkpoint: str


class _Saved(Struct):
    items: list[_SavedOne]
