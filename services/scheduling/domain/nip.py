"""The number of a civil servant: 18 digits, text. It has no check digit, so only its parts can be checked.

Source: Perka BKN 22/2007 (PNS): birth date YYYYMMDD, start YYYYMM, sex 1 or 2, sequence. PPPK numbers hold the
year of the contract and a two-digit contract code above 12 where a PNS has the month.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

Employment = Literal["PNS", "PPPK"]


@dataclass(frozen=True, slots=True)
class NipFault:
    """What is wrong with a number, as a message code. It never holds the number or a part of it."""

    code: str


def _date(digits: str) -> dt.date | None:
    try:
        return dt.date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None


def fault_of(nip: str) -> NipFault | None:
    """The first thing that makes `nip` impossible, whatever the kind of employment; None if nothing does."""
    if not (nip.isascii() and nip.isdigit()) or len(nip) != 18:
        return NipFault("nip.length")
    born = _date(nip[:8])
    if born is None or not born.year >= 1900:
        return NipFault("nip.birth_date")
    if not born.year + 15 <= int(nip[8:12]) <= born.year + 70:
        return NipFault("nip.start_year")
    if nip[14] not in "12":
        return NipFault("nip.sex")
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
