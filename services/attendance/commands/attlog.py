"""Files of terminals: what they write to a USB stick, and CSV of what office programs make of it.

On the stick (`1_attlog.dat`) a line is PIN, time, number of the terminal, state, way of verifying, work code: its
state is the fourth column, where the same terminal's push has it third.
"""

import datetime as dt
from collections.abc import Callable

from services.attendance.domain.taps import Line, line_of, local_time
from services.attendance.domain.terminals import is_pin
from shared import csvfile
from shared.csvfile import Cells, Rejected, RowError

COLUMNS = ("pin", "time", "state")
PASSED_OVER = ("name", "terminal", "verify", "work_code")
"""Columns that a CSV file may have besides, and that nobody reads."""

_WRONG: dict[str, tuple[str, Callable[[str], bool]]] = {
    "pin": ("import.pin", is_pin),
    "time": ("import.local_time", lambda text: local_time(text) is not None),
    "state": ("import.state", lambda text: text.isascii() and text.isdigit() and len(text) <= 3),
}


def read(serial: str, now: dt.datetime, body: bytes) -> list[Line]:
    """The lines of a file of the terminal `serial`. Raises Rejected with every error by row and column."""
    errors: list[RowError] = []
    lines: list[Line] = []
    for number, parts, raw in _stick(body, errors) or _csv(body, errors):
        cells: dict[str, str] = dict(zip(COLUMNS, parts, strict=True))
        wrong = [
            RowError(number, column, code if cells[column] else "import.required")
            for column, (code, good) in _WRONG.items()
            if not good(cells[column])
        ]
        errors += wrong
        if not wrong:
            lines.append(line_of(serial, now, parts, raw))
    if errors:
        raise Rejected(errors)
    return lines


_Rows = list[tuple[int, tuple[str, str, str], str]]


def _stick(body: bytes, errors: list[RowError]) -> _Rows:
    """The rows of a file from a stick; none where the first line is not of one."""
    rows: _Rows = []
    for number, raw in enumerate(body.decode("ascii", "backslashreplace").splitlines(), start=1):
        cells = [cell.strip() for cell in raw.split("\t")]
        if not raw.strip():
            continue
        pin, time, _terminal, state, *_ = [*cells, *("",) * 4]
        whole = len(cells) >= 4
        if not rows and not errors and not (whole and local_time(time)):
            return []
        if whole:
            rows.append((number, (pin, time, state), raw))
        else:
            errors.append(RowError(number, "", "import.cells", {"found": len(cells), "expected": 6}))
    return rows


def _csv(body: bytes, errors: list[RowError]) -> _Rows:
    rows: _Rows = []
    if errors:
        return rows
    for row in csvfile.read(body, COLUMNS, PASSED_OVER):
        cells = Cells(row, [])
        pin, time, state = (cells.optional(column) or "" for column in COLUMNS)
        rows.append((row.number, (pin, time, state), "\t".join((pin, time, state))))
    return rows
