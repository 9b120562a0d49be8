"""The log in a file: lines of JSON with every record, the hash of its leaf, and the checkpoints."""

import gzip
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec
from msgspec import Struct

from deploy.logbook import Batches, Finding, FromKafka, Line, Noted, Progress
from services.reporting.domain.merkle import HASH, leaf_hash
from services.reporting.domain.transparency import (
    Encoding,
    Headers,
    LogName,
    Written,
    entry_of,
    read_again,
    written,
)


class _Head(Struct, tag_field="kind", tag="hadir log export"):
    """The first line of an export."""

    version: int


class _Checkpoint(Struct, tag_field="kind", tag="checkpoint"):
    log: str
    checkpoint: str


class _Record(Struct, tag_field="kind", tag="record"):
    """A record: its place in its log from 0, its offset in Kafka, what it is, and the hash of its leaf (hex); when
    Kafka has it from, in milliseconds since 1970, which no leaf holds."""

    log: str
    index: int
    offset: int
    encoding: Encoding
    key: str | None
    value: str | None
    headers: list[tuple[str, str | None]]
    leaf: str
    timestamp: int | None = None


class Mark(NamedTuple):
    """Where an export of a log goes on: its next record's place, and the offset from which on it is looked for."""

    record: int
    offset: int


_decode = msgspec.json.Decoder(_Head | _Checkpoint | _Record).decode
_encode = msgspec.json.Encoder().encode
_AT_ONCE = 500
"""Records of one log that are held before they are handed on: an export has those of all logs mixed."""


def _open(file: Path, mode: str, *, packed: bool) -> IO[bytes]:
    opener: Any = gzip.open if packed else open
    return opener(file, mode, compresslevel=1) if packed and "w" in mode else opener(file, mode)


def _packed(file: Path) -> bool:
    return file.suffix == ".gz"


async def export(
    source: FromKafka, file: Path, progress: Progress, *, after: Mapping[LogName, Mark] | None = None
) -> tuple[int, dict[LogName, Mark]]:
    """Write checkpoints and records as lines of JSON, compressed where the name ends in `.gz`; returns how many of
    the latter, and where the next export goes on. `after`: what an export before left, where this one begins."""
    marks = dict(after or {})
    partial = file.with_name(f"{file.name}.part")
    try:
        done = await _export(source, partial, progress, marks, packed=_packed(file))
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    partial.replace(file)
    return done, marks


async def _export(
    source: FromKafka, partial: Path, progress: Progress, marks: dict[LogName, Mark], *, packed: bool
) -> int:
    since, done = {one: mark.offset for one, mark in marks.items()}, 0
    total = await source.size(since)
    with _open(partial, "wb", packed=packed) as out:
        out.write(_encode(_Head(1)) + b"\n")
        for log, note, _ in await source.checkpoints():
            out.write(_encode(_Checkpoint(str(log), note)) + b"\n")
        async for log, records in source.records(since=since):
            first = marks[log].record if log in marks else 0
            for index, record in enumerate(records, first):
                leaf = leaf_hash(entry_of(record.key, record.value, record.headers)).hex()
                text = written(record.key, record.value, record.headers)
                line = _Record(str(log), index, record.offset, *text, leaf, record.timestamp)
                out.write(_encode(line) + b"\n")
            marks[log] = Mark(first + len(records), records[-1].offset + 1)
            done += len(records)
            progress(done, total)
    return done


class NoExport(Exception):
    """The file is no export; the text says what to do."""


def parts_of(path: Path) -> list[Path]:
    """The files of an export: itself, or those of a folder of parts, in their order. Raises NoExport."""
    # Not `*.jsonl*`: one that ends in .part was broken off.
    files = sorted([*path.glob("*.jsonl"), *path.glob("*.jsonl.gz")]) if path.is_dir() else [path]
    if not files:
        raise NoExport(f"{path} holds no export of the log: make one with `hadir log export`")
    for file in files:
        with _open(file, "rb", packed=_packed(file)) as lines:
            try:
                head = _decode(lines.readline(1000))
            except (msgspec.MsgspecError, OSError, EOFError) as error:
                raise NoExport(f"{file} is no export of the log: make one with `hadir log export`") from error
        if not isinstance(head, _Head) or head.version != 1:
            raise NoExport(f"{file} is an export of a later version: use that version to read it")
    return files


def _lines_of(file: Path) -> Iterable[tuple[int, _Head | _Checkpoint | _Record | None]]:
    """Each line with its number from 1; None for one that cannot be read. Raises NoExport where the rest cannot be
    had out of a packed file."""
    number = 0
    try:
        with _open(file, "rb", packed=_packed(file)) as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield number, _decode(line)
                except msgspec.MsgspecError:
                    yield number, None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise NoExport(f"{file} is damaged behind line {number}: take another copy of it") from error


def records_of(path: Path) -> Iterator[tuple[LogName, int, bytes | None, bytes | None, Headers]]:
    """Every record of an export in the order in which it was written: its log, when Kafka had it from (ms), its
    key, value and headers. Raises NoExport where a line cannot be read: what is made again from it must be
    whole."""
    for file in parts_of(path):
        for number, line in _lines_of(file):
            if line is None or (isinstance(line, _Record) and line.timestamp is None):
                raise NoExport(f"{file}, line {number}: no log can be made again from it; take another copy of it")
            if isinstance(line, _Record) and line.timestamp is not None:
                record = read_again(Written(line.encoding, line.key, line.value, line.headers))
                yield LogName.of(line.log), line.timestamp, *record


class FromExport:
    """The log as an export has it: a file, or a folder of parts that follow each other."""

    def __init__(self, path: Path) -> None:
        self._files = parts_of(path)
        self.findings: list[Finding] = []

    async def checkpoints(self) -> list[Noted]:
        found = list[Noted]()
        for file in self._files:
            for number, line in _lines_of(file):
                if isinstance(line, _Checkpoint):
                    found.append(Noted(LogName.of(line.log), line.checkpoint, f"{file.name}, line {number}"))
                elif isinstance(line, _Record):
                    break
        return found

    async def size(self) -> int:
        return 0

    async def batches(self, log: LogName | None = None) -> Batches:
        held: dict[str, list[Line]] = defaultdict(list)
        wanted, again = None if log is None else str(log), log is not None
        for file in self._files:
            for number, line in _lines_of(file):
                if isinstance(line, _Record) and wanted in (None, line.log):
                    held[line.log].append(self._line(number, line))
                    if len(held[line.log]) >= _AT_ONCE:
                        yield LogName.of(line.log), held.pop(line.log)
                elif line is None and not again:
                    self.findings.append(Finding(file.name, f"line {number} cannot be read"))
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
