"""Figures of few people, withheld from those who may see no person (product.md section 12, Small cells). Pure.

A group of fewer than FEW people is counted in its parent only: its own figures are null. Where the parent's total
less the other groups would give it away, one more group is withheld with it. Where fewer than MANY people are
counted, the same holds for each mode and each state: of six people "one not met" is a person, of six hundred it is
not. A rate is withheld with the counts that it is made of. Service points are no people: their figures stay.

Figures of different kinds tell of each other: `not_due` is who is on leave, off or away, so it is withheld where a
mode is, and hides nothing that the modes give away. What a small city withholds, its OPDs do not add up to.

The same plan decides for every `as_of` of a date, for who has a plan does not change with it; so two looks at
different instants cannot be taken from one another.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from services.reporting.domain.figures import MODES, STATES
from shared.events import DUTIES

FEW = 5
MANY = 10 * FEW

_RATED = ("met", "not_met", "unknown")
_RATES = ("rate", "low", "high", "n", "wilson_low", "wilson_high")
_FAMILIES = (("modes", MODES), *((duty, STATES) for duty in DUTIES))
"""What adds up to `employees` in a row: its modes, and for each duty its states."""
_NOT_DUE = "not_due"
_JUDGED = tuple(state for state in STATES if state != _NOT_DUE)
"""What adds up to `employees` less those to whom a mode leaves nothing due."""

Cell = tuple[str, str]


def city_for_all(city: Mapping[str, Any]) -> dict[str, Any]:
    """The city's figures without those of few people."""
    return _withheld(city, _hidden(city))


def opds_for_all(opds: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The OPDs' figures without those of few people, and without what the city's total would tell of them."""
    rows = _enough(
        {at: opd["employees"] for at, opd in enumerate(opds) if 0 < opd["employees"] < FEW},
        {at: opd["employees"] for at, opd in enumerate(opds)},
    )
    hidden = [_every_cell() if at in rows else _hidden(opd) for at, opd in enumerate(opds)]
    of_city = _hidden(_sum(opds))
    while True:
        before = sum(len(cells) for cells in hidden)
        for cell in _every_cell():
            _close_column(opds, hidden, cell, withheld_of_all=cell in of_city)
        for opd, cells in zip(opds, hidden, strict=True):
            _close_row(opd, cells)
        if sum(len(cells) for cells in hidden) == before:
            return [
                _withheld(opd, cells, whole=at in rows)
                for at, (opd, cells) in enumerate(zip(opds, hidden, strict=True))
            ]


def _count(row: Mapping[str, Any], cell: Cell) -> int:
    family, name = cell
    return row["modes"].get(name, 0) if family == "modes" else row["duties"][family][name]


def _every_cell() -> set[Cell]:
    return {(family, name) for family, names in _FAMILIES for name in names}


def _hidden(row: Mapping[str, Any]) -> set[Cell]:
    """The cells of one row that tell of few people, and those that its total would tell them by."""
    if row["employees"] >= MANY or not row["employees"]:
        return set()
    if row["employees"] < FEW:
        return _every_cell()
    cells = {cell for cell in _every_cell() if 0 < _count(row, cell) < FEW}
    _close_row(row, cells)
    return cells


def _sum(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "employees": sum(row["employees"] for row in rows),
        "modes": {mode: sum(row["modes"].get(mode, 0) for row in rows) for mode in MODES},
        "duties": {
            duty: {state: sum(row["duties"][duty][state] for row in rows) for state in STATES} for duty in DUTIES
        },
    }


def _close_row(row: Mapping[str, Any], cells: set[Cell]) -> None:
    _close_sum(row, cells, "modes", MODES)
    if any(_count(row, ("modes", mode)) for mode in MODES if ("modes", mode) in cells):
        cells |= {(duty, _NOT_DUE) for duty in DUTIES if _count(row, (duty, _NOT_DUE))}
    for duty in DUTIES:
        _close_sum(row, cells, duty, STATES)
        _close_sum(row, cells, duty, _JUDGED)


def _close_sum(row: Mapping[str, Any], cells: set[Cell], family: str, names: Sequence[str]) -> None:
    counts = {(family, name): _count(row, (family, name)) for name in names}
    cells |= _enough({cell: n for cell, n in counts.items() if cell in cells and n}, counts)


def _close_column(
    rows: Sequence[Mapping[str, Any]], hidden: Sequence[set[Cell]], cell: Cell, *, withheld_of_all: bool
) -> None:
    counts = {at: _count(row, cell) for at, row in enumerate(rows)}
    chosen = _enough({at: n for at, n in counts.items() if cell in hidden[at] and n}, counts)
    if withheld_of_all and not chosen:
        chosen = set(sorted((at for at, n in counts.items() if n), key=lambda at: (counts[at], at))[:1])
    for at in chosen:
        hidden[at].add(cell)


def _enough(hidden: Mapping[Any, int], counts: Mapping[Any, int]) -> set[Any]:
    """`hidden` and as many of the next smallest groups as leave their sum to be of two groups and FEW people."""
    chosen = dict(hidden)
    others = sorted((n, str(key), key) for key, n in counts.items() if n and key not in chosen)
    for n, _, key in others:
        if not chosen or (len(chosen) > 1 and sum(chosen.values()) >= FEW):
            break
        chosen[key] = n
    return set(chosen)


def _withheld(row: Mapping[str, Any], cells: set[Cell], *, whole: bool = False) -> dict[str, Any]:
    duties: dict[str, Any] = {}
    for duty in DUTIES:
        shown = {**row["duties"][duty]}
        lost = {state for state in STATES if (duty, state) in cells}
        shown |= dict.fromkeys(lost)
        if lost.intersection(_RATED):
            shown |= dict.fromkeys(_RATES)
        duties[duty] = shown
    return {
        **row,
        "employees": None if whole or 0 < row["employees"] < FEW else row["employees"],
        "modes": {mode: None if ("modes", mode) in cells else n for mode, n in row["modes"].items()},
        "duties": duties,
    }
