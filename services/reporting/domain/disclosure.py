"""Figures of few people, withheld from those who may see no person. Pure.

A group of fewer than FEW people is counted in its parent only: its own figures are null. Where the parent's total
less the other groups would give it away, one more group is withheld with it. Where fewer than MANY people are
counted, the same holds for each mode and each state: of six people "one not met" is a person, of six hundred it is
not. A rate is withheld with the counts that it is made of. Service points are no people: their figures stay.

Figures of different kinds tell of each other: `not_due` is who is on leave, off or away, so it is withheld where a
mode is, and hides nothing that the modes give away. What a small city withholds, its OPDs do not add up to.

The same plan decides for every `as_of` of a date, for who has a plan does not change with it; so two looks at
different instants cannot be taken from one another.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from services.reporting.domain.figures import MODES, STATES, Compliance
from shared.events import DUTIES

FEW = 5
MANY = 10 * FEW

_RATED = ("met", "not_met", "unknown")
_RATES = ("rate", "low", "high", "n", "wilson_low", "wilson_high")
_FAMILIES: tuple[tuple[str, Sequence[str]], ...] = (("modes", MODES), *((duty, STATES) for duty in DUTIES))
"""What adds up to `employees`: the modes, and for each duty its states."""
_NOT_DUE = "not_due"
_JUDGED = tuple(state for state in STATES if state != _NOT_DUE)
"""What adds up to `employees` less those to whom a mode leaves nothing due."""

Cell = tuple[str, str]
"""A family and one of its names."""
_EVERY_CELL: tuple[Cell, ...] = tuple((family, name) for family, names in _FAMILIES for name in names)

Figures = TypeVar("Figures", bound=Compliance)
Group = TypeVar("Group", int, str, Cell)
"""A row of many, by its place or its code, or a cell."""


@dataclass(frozen=True, slots=True)
class _Row:
    """The counts of one group of people."""

    employees: int
    counts: Mapping[Cell, int]


def city_for_all(city: Figures) -> Figures:
    """The city's figures without those of few people."""
    return _withheld(city, _hidden(_row(city)))


def opds_for_all(opds: Sequence[Figures]) -> list[Figures]:
    """The OPDs' figures without those of few people, and without what the city's total would tell of them."""
    rows = [_row(opd) for opd in opds]
    whole = few({at: row.employees for at, row in enumerate(rows)})
    hidden = [set(_EVERY_CELL) if at in whole else _hidden(row) for at, row in enumerate(rows)]
    of_city = _hidden(_sum(rows))
    while True:
        before = sum(len(cells) for cells in hidden)
        for cell in _EVERY_CELL:
            _close_column(rows, hidden, cell, withheld_of_all=cell in of_city)
        for row, cells in zip(rows, hidden, strict=True):
            _close_row(row, cells)
        if sum(len(cells) for cells in hidden) == before:
            return [
                _withheld(opd, cells, whole=at in whole)
                for at, (opd, cells) in enumerate(zip(opds, hidden, strict=True))
            ]


def too_few(employees: Mapping[str, int]) -> set[str]:
    """The groups, by their number of people, of whom no course of numbers is shown: it would tell of one of them.

    That is each of fewer than MANY, and one more where the sum of the others would give it away.
    """
    return enough({key: n for key, n in employees.items() if 0 < n < MANY}, employees)


def _row(figures: Compliance) -> _Row:
    counts: dict[Cell, int] = {("modes", mode): figures.modes[mode] or 0 for mode in MODES}
    for duty in DUTIES:
        counts |= {(duty, state): getattr(figures.duties[duty], state) for state in STATES}
    return _Row(figures.employees or 0, counts)


def _sum(rows: Sequence[_Row]) -> _Row:
    counts = {cell: sum(row.counts[cell] for row in rows) for cell in _EVERY_CELL}
    return _Row(sum(row.employees for row in rows), counts)


def _hidden(row: _Row) -> set[Cell]:
    """The cells of one row that tell of few people, and those that its total would tell them by."""
    if row.employees >= MANY or not row.employees:
        return set()
    if row.employees < FEW:
        return set(_EVERY_CELL)
    cells = {cell for cell, n in row.counts.items() if 0 < n < FEW}
    _close_row(row, cells)
    return cells


def _close_row(row: _Row, cells: set[Cell]) -> None:
    _close_sum(row, cells, "modes", MODES)
    if any(row.counts["modes", mode] for mode in MODES if ("modes", mode) in cells):
        cells |= {(duty, _NOT_DUE) for duty in DUTIES if row.counts[duty, _NOT_DUE]}
    for duty in DUTIES:
        _close_sum(row, cells, duty, STATES)
        _close_sum(row, cells, duty, _JUDGED)


def _close_sum(row: _Row, cells: set[Cell], family: str, names: Sequence[str]) -> None:
    counts = {(family, name): row.counts[family, name] for name in names}
    cells |= enough({cell: n for cell, n in counts.items() if cell in cells and n}, counts)


def _close_column(rows: Sequence[_Row], hidden: Sequence[set[Cell]], cell: Cell, *, withheld_of_all: bool) -> None:
    counts = {at: row.counts[cell] for at, row in enumerate(rows)}
    chosen = enough({at: n for at, n in counts.items() if cell in hidden[at] and n}, counts)
    if withheld_of_all and not chosen:
        chosen = set(sorted((at for at, n in counts.items() if n), key=lambda at: (counts[at], at))[:1])
    for at in chosen:
        hidden[at].add(cell)


def few(counts: Mapping[Group, int]) -> set[Group]:
    """The groups of so many people each that are not shown beside their total: those of fewer than FEW, and as
    many more as would give them away."""
    return enough({group: n for group, n in counts.items() if 0 < n < FEW}, counts)


def few_of_table(counts: Mapping[tuple[str, str], int], rows: Collection[str]) -> set[tuple[str, str]]:
    """The cells (row, column) of a table that are not shown where the totals of rows and of columns are.

    `rows` are not shown at all. Whatever would follow from the rest of a row or column is not shown either.
    """
    hidden = {cell for cell, n in counts.items() if n and (n < FEW or cell[0] in rows)}
    totals: dict[str, int] = {}
    for (_, column), n in counts.items():
        totals[column] = totals.get(column, 0) + n
    lines: dict[tuple[int, str], dict[tuple[str, str], int]] = {}
    for cell, n in counts.items():
        for side, name in enumerate(cell):
            lines.setdefault((side, name), {})[cell] = n
    of_all = few(totals)
    while True:
        before = len(hidden)
        for (side, name), line in sorted(lines.items()):
            chosen = enough({cell: n for cell, n in line.items() if cell in hidden}, line)
            if side and name in of_all and not chosen:
                # what all rows but one say, and other columns, must not say what the total of the column hides
                chosen = set(
                    sorted((cell for cell, n in line.items() if n), key=lambda cell: (line[cell], cell))[:1]
                )
            hidden |= chosen
        if len(hidden) == before:
            return hidden


def enough(hidden: Mapping[Group, int], counts: Mapping[Group, int]) -> set[Group]:
    """`hidden` and as many of the next smallest groups as leave their sum to be of two groups and FEW people."""
    chosen = dict(hidden)
    others = sorted((n, str(key), key) for key, n in counts.items() if n and key not in chosen)
    for n, _, key in others:
        if not chosen or (len(chosen) > 1 and sum(chosen.values()) >= FEW):
            break
        chosen[key] = n
    return set(chosen)


def _withheld(figures: Figures, cells: set[Cell], *, whole: bool = False) -> Figures:
    duties = dict(figures.duties)
    for duty in DUTIES:
        lost = [state for state in STATES if (duty, state) in cells]
        rates = _RATES if set(lost).intersection(_RATED) else ()
        duties[duty] = duties[duty].model_copy(update=dict.fromkeys((*lost, *rates)))
    few = whole or 0 < (figures.employees or 0) < FEW
    return figures.model_copy(
        update={
            "employees": None if few else figures.employees,
            "modes": {mode: None if ("modes", mode) in cells else n for mode, n in figures.modes.items()},
            "duties": duties,
        }
    )


def counted_together(people: Mapping[str, int], fewest: int) -> frozenset[str]:
    """Which groups of one date are counted in one: those of fewer than `fewest` people, and as many of the next
    smallest as make them that many; all of them where all together are fewer."""
    chosen: set[str] = {code for code, n in people.items() if 0 < n < fewest}
    counted = sum(people[code] for code in chosen)
    for n, code in sorted((n, code) for code, n in people.items() if n >= fewest):
        if not chosen or counted >= fewest:
            break
        chosen.add(code)
        counted += n
    return frozenset(chosen)
