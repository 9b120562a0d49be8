"""The share of the performance allowance (TPP) that a month's record would leave, by rates given as data. Pure.

The base amount is not ours: what is computed is a share from 0 to 1, and each deduction from it. A regulation of
allowances has more terms; these are the ones that follow from a record of attendance and work:

    late, early    for each day, by the band that its whole minutes reach
    absent         for each absent day
    report         for each report that was due and not handed in by the cutoff
    output         times the share of the days with a judged output on which it was not met

What is `unknown` deducts nothing. Deductions add up; nobody's share falls below 0.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal, NamedTuple, get_args

from services.reporting.domain.monthly import PersonMonth
from shared.csvfile import Cells, Rejected, Row, RowError, once

RateKind = Literal["late", "early", "absent", "report", "output"]
KINDS: tuple[RateKind, ...] = get_args(RateKind)
BANDED: frozenset[RateKind] = frozenset({"late", "early"})
REQUIRED = ("kind", "from_minutes", "rate")
LONGEST_DAY = 1440
"""Minutes; a band begins within a day."""
DECIMALS = 6
"""Of a rate: a ten thousandth of a per cent."""


class Rate(NamedTuple):
    """What one occurrence takes of the allowance, 0 to 1. `from_minutes`: where a band of minutes begins."""

    kind: RateKind
    from_minutes: int | None
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Rates:
    """One version of the rates; its content never changes."""

    rates_version: str
    effective_from: dt.date
    rates: tuple[Rate, ...]


class Deduction(NamedTuple):
    """What a rate takes of a month: how often it was met with, and the share in sum."""

    rate: Rate
    times: int
    share: Fraction


def read(rows: Sequence[Row]) -> tuple[Rate, ...]:
    """The rates of a file, by kind and band. Raises Rejected with every error by row and column."""
    errors: list[RowError] = []
    seen: dict[object, int] = {}
    rates = [_rate(Cells(row, errors), seen) for row in rows]
    if not rows:
        errors.append(RowError(1, "", "import.empty"))
    if errors:
        raise Rejected(errors)
    return tuple(sorted(rates, key=lambda rate: (KINDS.index(rate.kind), rate.from_minutes or 0)))


def _rate(cells: Cells, seen: dict[object, int]) -> Rate:
    kind = cells.choice("kind", KINDS)
    banded = kind in BANDED
    minutes = cells.whole("from_minutes", 0, LONGEST_DAY, required=banded)
    if kind and not banded and not cells.empty("from_minutes"):
        cells.wrong("from_minutes", "allowance.no_band")
    rate = Decimal(0)
    written = cells.text("rate", longest=40)
    try:
        rate = Decimal(written.replace(",", ".")) if written.isascii() else Decimal("NaN")
    except ArithmeticError:
        rate = Decimal("NaN")
    if written and not (rate.is_finite() and 0 <= rate <= 1):
        cells.wrong("rate", "allowance.rate")
    elif written and round(rate, DECIMALS) != rate:
        cells.wrong("rate", "allowance.decimals", most=DECIMALS)
    if cells.good:
        once(seen, (kind, minutes), cells, "kind")
    return Rate(kind or "late", minutes if banded else None, rate)  # pyright: ignore[reportArgumentType] - one of KINDS


def in_force(versions: Sequence[Rates], month_first: dt.date) -> Rates | None:
    """The rates of a month: the latest that began by its first day, at a tie the greatest version as text."""
    begun = [rates for rates in versions if rates.effective_from <= month_first]
    return max(begun, key=lambda rates: (rates.effective_from, rates.rates_version), default=None)


def deductions(rates: Rates, month: PersonMonth) -> list[Deduction]:
    """What each rate takes, of those that the month met with."""
    met, not_met = (month.in_state("output", state) for state in ("met", "not_met"))
    # How often, and how many times the rate that is: of output it is a share of the reports.
    once_each = {"absent": month.absent_days, "report": month.in_state("report", "not_met")}
    found: list[Deduction] = []
    for rate in rates.rates:
        match rate.kind:
            case "late" | "early":
                days = month.late if rate.kind == "late" else month.early
                times = sum(_band(rates.rates, rate.kind, minutes) == rate for minutes in days)
                weight = Fraction(times)
            case "output":
                times = not_met
                weight = Fraction(not_met, met + not_met) if not_met else Fraction(0)
            case _:
                times = once_each[rate.kind]
                weight = Fraction(times)
        if times:
            found.append(Deduction(rate, times, Fraction(rate.rate) * weight))
    return found


def share(taken: Sequence[Deduction]) -> Fraction:
    """What is left of the allowance, 0 to 1."""
    return max(Fraction(0), 1 - sum((deduction.share for deduction in taken), Fraction(0)))


def _band(rates: Sequence[Rate], kind: RateKind, minutes: int) -> Rate | None:
    """The band that so many minutes of a day reach; none below the first."""
    reached = [rate for rate in rates if rate.kind == kind and (rate.from_minutes or 0) <= minutes]
    return max(reached, key=lambda rate: rate.from_minutes or 0, default=None)
