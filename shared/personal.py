"""Free text that other systems will read names nobody: numbers and addresses of persons are found in it.

Source: NIP, 18 digits (BKN), and NIK, 16 digits (Permendagri 137/2017); Indonesian telephone numbers begin with 0,
62 or +62 and have 9 to 13 digits in all (E.164, the national plan of numbering). Quantities, years, spans of
dates, letters' numbers and amounts of money are no such numbers and pass.
"""

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from shared.refusals import wrong

# What people put between the digits of one number. A comma or slash parts two numbers, or a letter's parts.
_GAP = r"[ \t\n._‐-―-]{0,3}"
_IDENTITY = re.compile(rf"(?<![0-9])[0-9](?:{_GAP}[0-9]){{14,18}}(?![0-9])")
_MOBILE = re.compile(
    rf"(?<![0-9.,])(?:\+?{_GAP}6{_GAP}2{_GAP}(?:\(0\){_GAP})?|0[ -]?)8(?:{_GAP}[0-9]){{7,11}}(?![0-9,])"
)
_ABROAD = re.compile(rf"\+{_GAP}[1-9](?:{_GAP}[0-9]){{8,14}}(?![0-9])")
_FIXED = re.compile(
    rf"(?<![0-9.,/])\(?0{_GAP}2{_GAP}[0-9](?:{_GAP}[0-9])?\)?{_GAP}[0-9](?:{_GAP}[0-9]){{5,8}}(?![0-9,])"
)
_UUID = re.compile(r"(?<!\w)[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?!\w)")
_DATE = r"(?:[0-9]{4}-[0-9][0-9]-[0-9][0-9]|[0-9][0-9][-.][0-9][0-9][-.][0-9]{4})"
_COUNTED = re.compile(rf"[0-9]{{1,3}}(?:\.[0-9]{{3}})+|{_DATE}[ –-]{{1,3}}{_DATE}")
_EMAIL = re.compile(r"[\w.+-]+\s?(?:@|\(at\)|\[at\])\s?[\w-]+(?:\.[\w-]+)+", re.IGNORECASE)


def _plain(value: str) -> str:
    """Digits of any script as ASCII ones, and no character that cannot be seen."""
    folded = unicodedata.normalize("NFKC", value)
    seen = (one for one in folded if unicodedata.category(one) != "Cf")
    return "".join(str(unicodedata.digit(one)) if one.isdigit() else one for one in seen)


def personal(value: str) -> str | None:
    """What in `value` tells who somebody is: `identity`, `phone` or `email`; None for nothing."""
    text = _UUID.sub(" ", _plain(value))
    if _EMAIL.search(text):
        return "email"
    if any(_is_identity(found.group()) for found in _IDENTITY.finditer(text)):
        return "identity"
    if _MOBILE.search(text) or _ABROAD.search(text) or _FIXED.search(text):
        return "phone"
    return None


def _is_identity(found: str) -> bool:
    """16 or 18 digits; an amount of money, marked by thousands, is none, and neither are two dates."""
    return len(re.sub(r"[^0-9]", "", found)) in (16, 18) and not _COUNTED.fullmatch(found)


def _names_nobody(value: str) -> str:
    found = personal(value)
    if found is not None:
        raise wrong(f"wrong.{found}")
    return value


NamesNobody = AfterValidator(_names_nobody)
"""For free text of a body: refuses, with a hint, what tells who somebody is."""

Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=500, pattern=r"^[^\x00]*$"),
    NamesNobody,
]
"""Why an officer did something, in words that others will read."""
