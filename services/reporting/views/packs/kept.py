"""The packs that were asked for and made, as they are listed and handed out."""

import datetime as dt
import io
import zipfile
from typing import Literal

from pydantic import BaseModel, Field

from services.reporting.domain.periods import Period
from services.reporting.store import packs as store
from services.reporting.views.packs.manifest import NAME, Manifest
from shared.cursors import Page, encode_cursor, read_cursor
from shared.database import Tx
from shared.refusals import Missing

ALL = "pack.zip"
"""The name under which a pack is handed out whole."""
ZIP_TYPE = "application/zip"
_FIRST_OF_ZIP = (1980, 1, 1, 0, 0, 0)


class PackOrder(BaseModel):
    """A pack that was asked for: `making` until it is `made` and has its id, or `failed`: ask again.

    While it is made, `dates_read` of its `dates` are read.
    """

    first: dt.date = Field(serialization_alias="from")
    last: dt.date = Field(serialization_alias="to")
    as_of: dt.datetime
    state: Literal["making", "made", "failed"]
    pack_id: str | None
    dates_read: int
    dates: int


def shown(order: store.Order) -> PackOrder:
    return PackOrder(
        first=order.first_date,
        last=order.last_date,
        as_of=order.as_of,
        state="made" if order.pack_id else "failed" if order.failure else "making",
        pack_id=order.pack_id,
        dates_read=order.dates_read,
        dates=Period(order.first_date, order.last_date).days,
    )


async def listed(tx: Tx, cursor: str | None, limit: int) -> Page[PackOrder]:
    """The packs, those as of the latest instant first."""
    after = read_cursor(cursor, dt.datetime, dt.date, dt.date) if cursor else None
    found = await store.listed(tx, after, limit + 1)
    page = found[:limit]
    more = len(found) > limit
    last = page[-1] if more else None
    return Page(
        items=[shown(one) for one in page],
        next=encode_cursor(last.as_of, last.first_date, last.last_date) if last else None,
    )


async def manifest(tx: Tx, pack_id: str) -> Manifest:
    """Raises Missing for a pack that was not made."""
    return Manifest.model_validate_json((await file(tx, pack_id, NAME)).body)


async def file(tx: Tx, pack_id: str, name: str) -> store.Body:
    """One file of a pack, or all of it as a ZIP. Raises Missing."""
    if name == ALL:
        files = await store.files(tx, pack_id)
        found = store.Body(ZIP_TYPE, _zipped(files)) if files else None
    else:
        found = await store.file(tx, pack_id, name)
    if found is None:
        raise Missing("pack.unknown")
    return found


def _zipped(files: dict[str, store.Body]) -> bytes:
    """The same bytes whenever and wherever it is zipped: without a date, and without what a library compresses."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_STORED) as archive:
        for name, one in files.items():
            entry = zipfile.ZipInfo(name, _FIRST_OF_ZIP)
            entry.create_system = 3
            archive.writestr(entry, one.body)
    return body.getvalue()
