"""Cursors come back as they were written, and nothing else reads as one."""

import base64
import datetime as dt
import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.cursors import cut, encode_cursor, read_cursor, read_id_cursor
from shared.refusals import Invalid

ID = UUID("0192f1d4-7c1e-7b57-9d43-0a6f3c6f1c55")
DAY = dt.date(2025, 11, 6)
NOW = dt.datetime(2025, 11, 6, 2, 0, 0, 5, tzinfo=dt.UTC)
KINDS = ((UUID,), (dt.date,), (dt.datetime,), (int,), (str,), (dt.date, UUID), (dt.datetime, UUID), (str, int))


def forged(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode().rstrip("=")


FORGED = {
    "deep": forged("[" * 20_000),
    "deep and short": forged("[" * 700),
    "too large": forged([2**70]),
    "below": forged([-1]),
    "NUL": forged(["\x00"]),
    "no base64": "***",
    "not ASCII": "１２３",
    "empty list": forged([]),
    "two ids": forged([str(ID), str(ID)]),
    "truth": forged([True]),
    "float": forged([1.0]),
    "NaN": forged("[NaN]"),
    "infinity": forged("[-Infinity]"),
    "nested": forged([[1]]),
    "object": forged({"a": 1}),
    "null": forged([None]),
    "long": forged(["x" * 2000]),
    "long text": forged(["x" * 301]),
    "lone surrogate": forged('["\\ud800"]'),
    "raw surrogate": base64.urlsafe_b64encode(b'["\xed\xa0\x80"]').decode(),
    "digits of a long number": forged("[" + "9" * 600 + "]"),
    "week date": forged(["2025-W45-4"]),
    "basic date": forged(["20251106"]),
    "year 1": forged(["0001-01-01"]),
    "infinite date": forged(["9999-12-31"]),
    "date with time": forged(["2025-11-06T00:00"]),
    "no offset": forged(["2025-11-06T00:00:00"]),
    "braces": forged(["{0192f1d4-7c1e-7b57-9d43-0a6f3c6f1c55}"]),
    "spaces": forged('[ "2025-11-06" ]'),
    "trailing": forged('["2025-11-06"] '),
    "not JSON": forged("nonsense"),
    "bytes": base64.urlsafe_b64encode(b"\xff\xfe").decode(),
}


MERE_TEXT = {"week date", "basic date", "year 1", "infinite date", "date with time", "no offset", "braces"}
"""Forgeries of a place in time or of an id; where a place is a text they are nothing but that."""


@pytest.mark.parametrize("name", FORGED)
@pytest.mark.parametrize("kinds", KINDS, ids=str)
def test_a_forged_cursor_is_refused_whatever_the_list(name: str, kinds: tuple[type, ...]) -> None:
    if name in MERE_TEXT and kinds == (str,):
        (text,) = read_cursor(FORGED[name], str)
        assert encode_cursor(text) == FORGED[name]
        return
    with pytest.raises(Invalid) as refused:
        read_cursor(FORGED[name], *kinds)
    assert refused.value.errors[0].field == "cursor"


@given(st.text(max_size=40), st.integers(0, 2**63 - 1), st.uuids(), st.dates(dt.date(1900, 1, 1)), st.datetimes())
def test_what_was_written_comes_back(text: str, number: int, id: UUID, day: dt.date, at: dt.datetime) -> None:
    at = at.replace(tzinfo=dt.UTC, year=1900 + at.year % 1100, day=min(at.day, 28))
    day = day.replace(year=1900 + day.year % 1100, day=min(day.day, 28))
    if "\x00" in text or any(0xD800 <= ord(one) < 0xE000 for one in text):
        text = "DISDIK-Ä 王"
    cursor = encode_cursor(text, number, id, day, at)
    assert cursor.isascii()
    assert read_cursor(cursor, str, int, UUID, dt.date, dt.datetime) == (text, number, id, day, at)


def test_no_cursor_is_the_first_page_and_an_id_is_read_alike() -> None:
    assert read_id_cursor(None) == read_id_cursor("") == UUID(int=0)
    assert read_id_cursor(encode_cursor(ID)) == ID
    assert read_cursor(encode_cursor(NOW, ID), dt.datetime, UUID) == (NOW, ID)
    assert read_cursor(encode_cursor(DAY), dt.date) == (DAY,)


@pytest.mark.parametrize(
    ("asked_for", "items", "following"), [([], [], None), ([1, 2], [1, 2], None), ([1, 2, 3], [1, 2], 2)]
)
def test_a_full_page_is_the_last_one_where_nothing_comes_after_it(
    asked_for: list[int], items: list[int], following: int | None
) -> None:
    page = cut(asked_for, 2, lambda item: [item])
    assert page.items == items
    assert page.next == (None if following is None else encode_cursor(following))
