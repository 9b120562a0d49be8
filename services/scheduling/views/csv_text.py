"""Tables as CSV."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _cell(value: Any) -> Any:
    # A spreadsheet runs a text that begins like a formula; the quote keeps it a text.
    return "'" + value if isinstance(value, str) and value.startswith(_FORMULA) else value


def as_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """RFC 4180 text with a header; missing values are empty."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[name]) if row[name] is not None else "" for name in columns])
    return text.getvalue()
