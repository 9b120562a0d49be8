"""A CSV body as rows with line numbers, and cells as values, with every error by row and column.

RFC 4180 quotes; comma or semicolon; UTF-8 with or without BOM; LF or CRLF. Nothing here echoes the value of a
cell: a value may be a NIP.
"""

import contextlib
import csv
import datetime as dt
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MAX_CELL = 2_000
MAX_ERRORS = 5_000


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


def _header(cells: list[str], required: Collection[str], optional: Collection[str]) -> list[RowError]:
    errors = [
        RowError(1, name, "import.column_missing", {"column": name}) for name in required if name not in cells
    ]
    for name in dict.fromkeys(cells):
        if name not in required and name not in optional:
            known = ", ".join([*required, *optional])
            errors.append(RowError(1, name[:64], "import.column_unknown", {"known": known}))
        elif cells.count(name) > 1:
            errors.append(RowError(1, name, "import.column_twice"))
    return errors


def read(body: bytes, required: Collection[str], optional: Collection[str] = ()) -> list[Row]:
    """The rows of a CSV body. Raises Rejected for an encoding, a header or a row that cannot be read."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body[: error.start].count(b"\n") + 1
        raise Rejected([RowError(line, "", "import.encoding")]) from error
    if "\0" in text:
        raise Rejected([RowError(text[: text.index("\0")].count("\n") + 1, "", "import.nul")])
    first = text.partition("\n")[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    rows: list[Row] = []
    errors: list[RowError] = []
    start = 1
    try:
        for cells in reader:
            number, start = start, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = [cell.strip() for cell in cells]
                errors = _header(header, required, optional)
                if errors:
                    raise Rejected(errors)
                continue
            if len(cells) != len(header):
                params = {"found": len(cells), "expected": len(header)}
                errors.append(RowError(number, "", "import.cells", params))
                continue
            rows.append(Row(number, dict(zip(header, cells, strict=True))))
    except csv.Error as error:
        raise Rejected([*errors, RowError(start, "", "import.quotes")]) from error
    if header is None:
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

    def wrong(self, column: str, code: str, **params: Any) -> None:
        self.errors.append(RowError(self.row.number, column, code, params))

    def optional(self, column: str, *, longest: int = 300) -> str | None:
        value = self.row.cells.get(column, "").strip()
        if len(value) > longest:
            self.wrong(column, "import.too_long", longest=longest)
            return None
        return value or None

    def text(self, column: str, *, longest: int = 300) -> str:
        value = self.optional(column, longest=longest)
        if not self.row.cells.get(column, "").strip():
            self.wrong(column, "import.required")
        return value or ""

    def choice(self, column: str, options: Collection[str], *, required: bool = True) -> str | None:
        value = self.text(column) if required else self.optional(column)
        if value and value not in options:
            self.wrong(column, "import.choice", options=", ".join(options))
        return value

    def boolean(self, column: str, default: bool | None = None) -> bool:
        value = (self.optional(column) or "").lower()
        if value in {"true", "false"}:
            return value == "true"
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
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not low <= number <= high:
            self.wrong(column, "import.number", low=low, high=high)
            return default
        return number

    def date(self, column: str, *, required: bool = True) -> dt.date | None:
        value = self.text(column) if required else self.optional(column)
        if not value:
            return None
        day: dt.date | None = None
        with contextlib.suppress(ValueError):
            day = dt.date.fromisoformat(value) if len(value) == 10 else None
        if day is None or not 1900 <= day.year <= 2999:
            self.wrong(column, "import.date")
            return None
        return day

    def items(self, column: str) -> list[str]:
        """A list joined by semicolons, without empty items, in the order of the file."""
        value = self.optional(column, longest=MAX_CELL) or ""
        return [item.strip() for item in value.split(";") if item.strip()]

    def places(self, column: str) -> tuple[tuple[float, float, float], ...]:
        """Circles `lat lon radius_m`, in degrees and metres."""
        found: list[tuple[float, float, float]] = []
        for item in self.items(column):
            try:
                lat, lon, radius = (float(part) for part in item.split())
            except ValueError:
                self.wrong(column, "import.place")
                break
            if not (-90 <= lat <= 90 and -180 <= lon <= 180 and 1 <= radius <= 10_000):
                self.wrong(column, "import.place")
                break
            found.append((lat, lon, radius))
        return tuple(found)
