"""The number of a civil servant: 18 digits, text. It has no check digit, so only its parts can be checked.

Source: Perka BKN 22/2007 (PNS): birth date YYYYMMDD, start YYYYMM, sex 1 or 2, sequence from 001. PPPK numbers
hold the year of the contract and a two-digit contract code above 12 where a PNS has the month.
"""

import datetime as dt
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

Employment = Literal["PNS", "PPPK"]

_NUMBER = re.compile(r"(?P<born>[0-9]{8})(?P<start>[0-9]{4})(?P<month>[0-9]{2})(?P<sex>[0-9])(?P<serial>[0-9]{3})")
_GROUPS = re.compile(r"([0-9]{8})[.-]([0-9]{6})[.-]([0-9])[.-]([0-9]{3})")
_UNSEEN = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]+")
_SCIENTIFIC = re.compile(r"[0-9]([.,][0-9]+)?[eE]\+?[0-9]{1,2}")
_DECIMAL = re.compile(r"[0-9]{17,19}[.,]0*")
_SPACING = 32
"""Numbers of 18 digits up to 2.88e17 that an IEEE 754 double can hold lie so far apart."""


@dataclass(frozen=True, slots=True)
class NipFault:
    """What is wrong with a number, as a message code. It never holds the number or a part of it."""

    code: str


def plain(written: str) -> str:
    """The 18 digits of a number as people and office programs write it; any other text as it is.

    Spaces between the groups, dots or hyphens between all four, the apostrophe of a text cell.
    """
    digits = _UNSEEN.sub("", written).lstrip("'\u2019`")
    grouped = _GROUPS.fullmatch(digits)
    if grouped is not None:
        digits = "".join(grouped.groups())
    return digits if _NUMBER.fullmatch(digits) else written.strip()


def _date(digits: str) -> dt.date | None:
    try:
        return dt.date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None


def fault_of(nip: str) -> NipFault | None:
    """The first thing that makes `nip` impossible, whatever the kind of employment; None if nothing does."""
    number = _NUMBER.fullmatch(nip)
    if number is None:
        as_number = ((_SCIENTIFIC, "nip.scientific"), (_DECIMAL, "nip.decimal"))
        return NipFault(next((code for form, code in as_number if form.fullmatch(nip)), "nip.length"))
    born = _date(number["born"])
    parts = (
        (born is not None and born.year >= 1900, "nip.birth_date"),
        (born is not None and born.year + 15 <= int(number["start"]) <= born.year + 70, "nip.start_year"),
        (number["sex"] in "12", "nip.sex"),
        (number["serial"] != "000", "nip.serial"),
    )
    return next((NipFault(code) for fits, code in parts if not fits), None)


def damage(numbers: Collection[str], known: Collection[str]) -> NipFault | None:
    """What a spreadsheet did to a whole column that it took for numbers; None where nothing tells of it.

    It keeps 15 digits and writes the last three as 000, or hands on the nearest double, a multiple of 32. One
    known or other number among them shows that the column was kept as text. Says nothing of a column without a
    number that the directory does not know.
    """
    whole = [number for number in numbers if _NUMBER.fullmatch(number)]
    if not whole or all(number in known for number in whole):
        return None
    if all(number.endswith("000") for number in whole):
        return NipFault("nip.rounded")
    if all(int(number) % _SPACING == 0 for number in whole):
        return NipFault("nip.nearest_double")
    return None


def kind_doubt(nip: str, employment: Employment) -> NipFault | None:
    """A doubt, never an error: digits 13 and 14 are a month for a PNS and a code above 12 for a PPPK.

    The form of PPPK numbers differs between agencies, so the HR master decides the employment.
    """
    is_month = 1 <= int(nip[12:14]) <= 12
    if employment == "PNS" and not is_month:
        return NipFault("nip.not_pns_form")
    if employment == "PPPK" and is_month:
        return NipFault("nip.not_pppk_form")
    return None
