"""Tables written as CSV (RFC 4180), so that no spreadsheet runs what somebody typed; reading is csvfile.py's."""

import csv
import io
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Mapping, Sequence
from typing import Any

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_CHUNK = 64 * 1024


def _cell(value: Any) -> Any:
    # A spreadsheet runs a text that begins like a formula; the quote keeps it a text.
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return "" if value is None else value


def as_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """The `columns` of each row under a header; missing values are empty."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_cell(row[name]) for name in columns] for row in rows)
    return text.getvalue()


async def csv_chunks(columns: Sequence[str], rows: AsyncIterable[Sequence[object]]) -> AsyncGenerator[str, None]:
    """The same as it comes, in pieces of some 64 KiB; each row has its values in the order of `columns`."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    async for row in rows:
        writer.writerow([_cell(value) for value in row])
        if text.tell() > _CHUNK:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()
