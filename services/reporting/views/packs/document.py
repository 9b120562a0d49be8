"""A pack's document as blocks, final in its texts: HTML and PDF print the same blocks. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from services.reporting.views.packs.tables import FIGURES, NAMES, Table, caption, head, shown_columns, written
from shared.messages import Language, text


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; `name` is what links lead to."""

    name: str
    level: Literal[1, 2]
    text: str
    kind: Literal["heading"] = "heading"


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; a `note` is set apart from what it is about."""

    text: str
    note: bool = False
    kind: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing, and what it shows in words, for who cannot see it."""

    svg: str
    alt: str
    kind: Literal["chart"] = "chart"


@dataclass(frozen=True, slots=True)
class Terms:
    """Words and what they mean."""

    rows: Sequence[tuple[str, str]]
    kind: Literal["terms"] = "terms"


@dataclass(frozen=True, slots=True)
class Printed:
    """A table as it is printed; the first column names its rows. `numbers` says which columns are figures, and
    `names` which are long."""

    caption: str
    file: str
    source: str
    heads: Sequence[str]
    numbers: Sequence[bool]
    names: Sequence[bool]
    rows: Sequence[Sequence[str]]
    kind: Literal["table"] = "table"


Block: TypeAlias = Heading | Text | Chart | Terms | Printed


@dataclass(frozen=True, slots=True)
class Document:
    """`foot` stands on each page: what it is, so that a page that is torn out can be placed."""

    language: Language
    title: str
    subtitle: str
    basis: str
    foot: str
    contents: str
    blocks: Sequence[Block]

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def printed(table: Table, language: Language, *, most: int | None = None) -> Printed:
    """The table with the columns that are shown, and at most so many of its first rows."""
    places = shown_columns(table)
    columns = [table.columns[place] for place in places]
    rows: Iterable[Sequence[object]] = table.rows if most is None else table.rows[:most]
    told = "all_rows" if most is None or len(table.rows) <= most else "first_rows"
    return Printed(
        caption=caption(table, language),
        file=table.file,
        source=text(f"pack.{told}", language, file=table.file, shown=most or 0, all=len(table.rows)),
        heads=[head(column, language) for column in columns],
        numbers=[column.kind in FIGURES for column in columns],
        names=[column.kind in NAMES for column in columns],
        rows=[
            [written(table.rows[at][place], table.columns[place].kind, language) for place in places]
            for at, _ in enumerate(rows)
        ],
    )
