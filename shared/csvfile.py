"""A CSV body as rows with line numbers, and cells as values, with every error by row and column.

RFC 4180 quotes, and what office programs make of it: comma, semicolon, tab or bar, a `sep=` line, a title above
the header, headers in capitals, padded empty columns and rows, UTF-8 with or without BOM, UTF-16, `="text"` and
the apostrophe that keeps a cell a text. Taken where the meaning is certain, else the message says what is wrong.
Digits are 0 to 9 alone, as in the events. Nothing here echoes the value of a cell: a value may be a NIP.
"""

import codecs
import contextlib
import csv
import datetime as dt
import io
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from shared.events.base import read_date
from shared.refusals import FieldError, Invalid

MAX_CELL = 2_000
MAX_ERRORS = 5_000
TITLE_ROWS = 10
"""How many rows may stand above the header, a title and its like."""

_SEP_LINE = re.compile(r'"?sep=(?P<sign>[,;\t|])"?[,;\t]*', re.IGNORECASE)
_AS_TEXT = re.compile(r'="(?P<text>.*)"', re.DOTALL)
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?")
_TRUTH = {"true": True, "false": False, "benar": True, "salah": False}
"""An Indonesian spreadsheet writes TRUE and FALSE as BENAR and SALAH."""


@dataclass(frozen=True, slots=True)
class RowError:
    """`row` is the line in the file (the header is 1), `code` a message code that says the mend."""

    row: int
    column: str
    code: str
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Row:
    number: int
    cells: Mapping[str, str]


class Rejected(Exception):
    """The file cannot be taken; nothing was changed."""

    def __init__(self, errors: Sequence[RowError]) -> None:
        super().__init__(f"{len(errors)} errors")
        self.errors = errors


def _decoded(body: bytes) -> str:
    if body.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise Rejected([RowError(1, "", "import.workbook")])
    encoding = "utf-8-sig"
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif len(body) >= 4 and not any(body[1:64:2]):
        encoding = "utf-16-le"
    elif len(body) >= 4 and not any(body[0:64:2]):
        encoding = "utf-16-be"
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        line = body[: error.start].count(b"\n") + 1
        raise Rejected([RowError(line, "", "import.encoding")]) from error
    if "\0" in text:
        raise Rejected([RowError(text[: text.index("\0")].count("\n") + 1, "", "import.nul")])
    return text


def _column(cell: str) -> str:
    return re.sub(r"[\s-]+", "_", _plain(cell).strip("'").casefold())


def _plain(cell: str) -> str:
    """A cell without the `="..."` that keeps a spreadsheet from reading it as a number."""
    cell = cell.strip()
    found = _AS_TEXT.fullmatch(cell)
    return found["text"].replace('""', '"').strip() if found else cell


class _Layout(NamedTuple):
    """The delimiter, and how many rows with content stand above the header."""

    delimiter: str
    above: int


def _layout(text: str, columns: Collection[str]) -> _Layout:
    """What makes most columns known."""
    first, _, _ = text.partition("\n")
    given = _SEP_LINE.fullmatch(first.strip("\r\ufeff "))
    best, known = _Layout(",", 0), 0
    # What `sep=` says comes first; where another sign makes more columns known, it says so in vain.
    for sign in (given["sign"] if given else "") + ",;\t|":
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=sign)
        with contextlib.suppress(csv.Error):
            filled = (cells for cells in reader if any(cell.strip() for cell in cells))
            for above, cells in enumerate(islice(filled, TITLE_ROWS)):
                score = sum(_column(cell) in columns for cell in cells)
                if score > known:
                    best, known = _Layout(sign, above), score
    if known:
        return best
    if given:
        return _Layout(given["sign"], 1)
    return _Layout(";" if first.count(";") > first.count(",") else ",", 0)


def _header_errors(
    row: int, cells: Sequence[str], required: Collection[str], optional: Collection[str]
) -> list[RowError]:
    names = [_column(cell) for cell in cells]
    errors = [
        RowError(row, name, "import.column_missing", {"column": name}) for name in required if name not in names
    ]
    headed = any(name in required or name in optional for name in names)
    for name, cell in dict(zip(names, cells, strict=True)).items():
        if not name or not headed:  # without any known name this is a row of data, and is not repeated
            continue
        if name not in required and name not in optional:
            known = ", ".join([*required, *optional])
            errors.append(RowError(row, cell.strip()[:64], "import.column_unknown", {"known": known}))
        elif names.count(name) > 1:
            errors.append(RowError(row, name, "import.column_twice"))
    return errors


def _cells(names: Sequence[str], width: int, number: int, cells: Sequence[str]) -> Row | RowError:
    """One row under the header `names`, whose last named column is number `width`."""
    if len(cells) < width or any(cell.strip() for cell in cells[len(names) :]):
        return RowError(number, "", "import.cells", {"found": len(cells), "expected": width})
    found: dict[str, str] = {}
    for position, (name, cell) in enumerate(zip(names, cells, strict=False), 1):
        if name:
            found[name] = _plain(cell)
        elif cell.strip():
            return RowError(number, f"#{position}", "import.no_header")
    return Row(number, found)


def read(body: bytes, required: Collection[str], optional: Collection[str] = ()) -> list[Row]:
    """The rows of a CSV body. Raises Rejected for an encoding, a header or a row that cannot be read."""
    text = _decoded(body)
    delimiter, above = _layout(text, {*required, *optional})
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names: list[str] | None = None
    width = 0
    rows: list[Row] = []
    errors: list[RowError] = []
    start = 1
    try:
        for cells in reader:
            number, start = start, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if above:
                above -= 1
                continue
            if names is None:
                errors = _header_errors(number, cells, required, optional)
                if errors:
                    raise Rejected(errors)
                names = [_column(cell) for cell in cells]
                width = max(position for position, name in enumerate(names, 1) if name)
                continue
            row = _cells(names, width, number, cells)
            if isinstance(row, Row):
                rows.append(row)
            else:
                errors.append(row)
    except csv.Error as error:
        raise Rejected([*errors, RowError(start, "", "import.quotes")]) from error
    if names is None:
        raise Rejected([RowError(1, "", "import.empty")])
    if errors:
        raise Rejected(errors)
    return rows


class Cells:
    """One row's cells as values. A wrong cell is noted in `errors` and gives a stand-in value."""

    def __init__(self, row: Row, errors: list[RowError]) -> None:
        self.row = row
        self.errors = errors
        self._before = len(errors)

    @property
    def good(self) -> bool:
        """Whether no cell of this row was wrong so far."""
        return len(self.errors) == self._before

    @property
    def own(self) -> Sequence[RowError]:
        """What was wrong with this row so far."""
        return self.errors[self._before :]

    def has(self, column: str) -> bool:
        """Whether the file has this column: one that it has not says nothing about the row."""
        return column in self.row.cells

    def empty(self, column: str) -> bool:
        """Whether the file has this column, and nothing in this row's cell."""
        return self.has(column) and not self._value(column)

    def wrong(self, column: str, code: str, **params: Any) -> None:
        self.errors.append(RowError(self.row.number, column, code, params))

    def _value(self, column: str, *, free: bool = False) -> str:
        value = self.row.cells.get(column, "").strip()
        # The apostrophe that keeps a cell a text; a name may begin with one of its own.
        marked = value[:1] in {"'", "\u2019"} and (not free or value[1:2] in {"=", "+", "-", "@", "'"})
        return value[1:].strip() if marked else value

    def optional(self, column: str, *, longest: int = 300, free: bool = False) -> str | None:
        """The cell's text; `free` text keeps an apostrophe that it begins with."""
        value = self._value(column, free=free)
        if len(value) > longest:
            self.wrong(column, "import.too_long", longest=longest)
            return None
        return value or None

    def text(self, column: str, *, longest: int = 300, free: bool = False) -> str:
        value = self.optional(column, longest=longest, free=free)
        if not self._value(column, free=free):
            self.wrong(column, "import.required")
        return value or ""

    def choice(self, column: str, options: Collection[str], *, required: bool = True) -> str | None:
        value = self.text(column) if required else self.optional(column)
        if value and value not in options:
            self.wrong(column, "import.choice", options=", ".join(options))
        return value

    def boolean(self, column: str, default: bool | None = None) -> bool:
        value = (self.optional(column) or "").lower()
        if value in _TRUTH:
            return _TRUTH[value]
        if value or default is None:
            self.wrong(column, "import.choice", options="true, false")
        return bool(default)

    def whole(self, column: str, low: int, high: int, *, required: bool = True) -> int | None:
        value = self.text(column) if required else self.optional(column)
        if not value:
            return None
        if not (value.isascii() and value.isdigit() and len(value) <= 9 and low <= int(value) <= high):
            self.wrong(column, "import.whole", low=low, high=high)
            return None
        return int(value)

    def number(self, column: str, low: float, high: float, default: float) -> float:
        value = self.optional(column)
        if value is None:
            return default
        number = decimal(value)
        if number is None or not low <= number <= high:
            self.wrong(column, "import.number", low=low, high=high)
            return default
        return number

    def date(self, column: str, *, required: bool = True) -> dt.date | None:
        value = self.text(column) if required else self.optional(column)
        if not value:
            return None
        day: dt.date | None = None
        with contextlib.suppress(ValueError):
            day = read_date(value)
        if day is None:
            self.wrong(column, "import.date")
            return None
        return day

    def items(self, column: str, *, most: int | None = None) -> list[str]:
        """A list joined by semicolons, without empty items, in the order of the file."""
        value = self.optional(column, longest=MAX_CELL if most is None else most * 120) or ""
        found = [item.strip() for item in value.split(";") if item.strip()]
        if most is not None and len(found) > most:
            self.wrong(column, "import.too_many", most=most, found=len(found))
            return []
        return found


def decimal(text: str) -> float | None:
    """A number with a decimal point, or the comma of an Indonesian spreadsheet; None if it is none."""
    return float(text.replace(",", ".")) if _NUMBER.fullmatch(text) and len(text) <= 40 else None


def identifier(cells: Cells, column: str) -> str:
    """A code, such as that of an OPD or a unit."""
    value = cells.text(column)
    if value and not _ID.fullmatch(value):
        cells.wrong(column, "import.identifier")
    return value


def once(seen: dict[Any, int], key: object, cells: Cells, column: str) -> None:
    """Notes an error when `key` stood in an earlier row."""
    first = seen.setdefault(key, cells.row.number)
    if first != cells.row.number:
        cells.wrong(column, "import.twice", first=first)


def refusal(rejected: Rejected) -> Invalid:
    """What the sender of a file is told: every error by row and column, in the order of the file."""
    errors = sorted(rejected.errors, key=lambda error: error.row)
    return Invalid(
        "import.rejected",
        params={"count": len(errors)},
        errors=[_field_error(error) for error in errors[:MAX_ERRORS]],
        extra={"total_errors": len(errors)},
    )


def _field_error(error: RowError) -> FieldError:
    where = {"row": error.row, "column": error.column, "code": error.code}
    return FieldError(f"{error.row}.{error.column}", error.code, error.params, where)
