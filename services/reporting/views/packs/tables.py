"""What a pack's tables are made of, and how a cell is written: as people read it, and as CSV. Pure.

A table is the same in both languages: its columns are codes, its cells plain values. What is withheld is None.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from services.reporting.views import words
from shared import csvtext
from shared.dates import WIB, months, time_text
from shared.messages import Language, heading, text

Kind = Literal[
    "text", "opd", "whole", "tenth", "share", "date", "moment", "duty", "mode", "metric", "checked", "verdict"
]
"""How a cell is read: a text as it is, an OPD by its name, a whole number or one with a decimal, a share of one as
per cent, a date, an instant; the rest are codes that have words."""
FIGURES: frozenset[Kind] = frozenset(("whole", "tenth", "share"))
NAMES: frozenset[Kind] = frozenset(("text", "opd", "metric", "checked", "duty", "mode", "verdict"))
_WORDS: dict[Kind, str] = {
    "duty": "duty",
    "mode": "mode",
    "metric": "pack.metric",
    "checked": "pack.checked",
    "verdict": "pack.verdict",
}
Cell = str | int | float | dt.date | dt.datetime | None


class Column(NamedTuple):
    """A column of CSV by its code; its head is the text `pack.column.<code>`. `shown`: in the document, too."""

    code: str
    kind: Kind
    shown: bool = True


class Table(NamedTuple):
    """A table by its name: that of its CSV; its caption is the text `pack.table.<name>`."""

    name: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]

    @property
    def file(self) -> str:
        return f"{self.name}.csv"


def as_csv(table: Table) -> bytes:
    """RFC 4180 in UTF-8, in full precision: instants in UTC, shares as fractions, nothing for what is withheld."""
    codes = [column.code for column in table.columns]
    rows = (dict(zip(codes, map(_plain, row), strict=True)) for row in table.rows)
    return csvtext.as_csv(codes, rows).encode()


def _plain(cell: Cell) -> Cell:
    return f"{cell.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}" if isinstance(cell, dt.datetime) else cell


def written(cell: Cell, kind: Kind, language: Language) -> str:
    """A cell as people read it; a dash for what is not there, or not shown."""
    if cell == "" and kind == "opd":
        return text("pack.together", language)
    if cell is None or cell == "":
        return "–"
    if isinstance(cell, dt.datetime):
        return f"{date_short(cell.astimezone(WIB).date(), language)} {time_text(cell, language)}"
    if isinstance(cell, dt.date):
        return date_short(cell, language)
    if isinstance(cell, str):
        return heading(f"{_WORDS[kind]}.{cell}", language) if kind in _WORDS else cell
    writer = {"share": words.percent, "tenth": decimal}.get(kind, words.number)
    return writer(cell, language)


def decimal(value: float, language: Language) -> str:
    """A number with one decimal, thousands marked."""
    grouped = f"{value:,.1f}"
    return grouped.translate(str.maketrans(",.", ".,")) if language == "id" else grouped


def date_short(date: dt.date, language: Language) -> str:
    """`6 Nov 2025`."""
    return f"{date.day} {months(language)[date.month - 1][:3]} {date.year}"


def head(column: Column, language: Language) -> str:
    return heading(f"pack.column.{column.code}", language)


def caption(table: Table, language: Language) -> str:
    return text(f"pack.table.{table.name}", language)


def shown_columns(table: Table) -> list[int]:
    """The places of the columns that the document shows."""
    return [place for place, column in enumerate(table.columns) if column.shown]


def of_columns(codes: str, kind: Kind, *, shown: bool = True) -> Iterable[Column]:
    """Columns of one kind, by their codes with blanks between."""
    return (Column(code, kind, shown) for code in codes.split())
