"""Evidence is taken in, taken back, and purged when it has been kept for long enough.

The row comes first, then the file, then the word that it is whole: what is broken off in between is a row that the
purge finds, and never a file that nobody knows of.
"""

import datetime as dt
import hashlib
from typing import NamedTuple
from uuid import UUID, uuid4

from services.reporting.domain import evidence as rules
from services.reporting.domain.evidence import Evidence, MediaType
from services.reporting.domain.reports import check_work_date
from services.reporting.store import evidence as store
from services.reporting.views.evidence import EvidenceView, shown
from shared.clock import Clock
from shared.database import Database, Tx
from shared.dates import local_date
from shared.files import Files
from shared.pictures import MOST_PIXELS, NoPicture, Picture, PictureKind, TooManyPixels, drawn
from shared.refusals import Conflict, FieldError, Invalid, Missing

BATCH = 100

_PICTURES: dict[MediaType, PictureKind] = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}


class Given(NamedTuple):
    """A file as it was handed in: its bytes, and what its sender calls it."""

    body: bytes
    name: str | None


class Added(NamedTuple):
    """The evidence, and whether it is new: the same file of the same day again is the same evidence."""

    evidence: EvidenceView
    created: bool


async def add(  # noqa: PLR0917 - where to, whose, of when, and what
    db: Database, files: Files, clock: Clock, employee_id: UUID, work_date: dt.date, given: Given
) -> Added:
    """Keep a file of one's own work date. Pictures are drawn anew, without what the camera noted beside them.

    Raises Invalid for what is no picture or PDF, too large, or named by a path; Conflict where the day has enough,
    Missing where it was taken back meanwhile.
    """
    now = clock.now()
    check_work_date(work_date, local_date(now))
    name = rules.name_of(given.name)
    media_type = rules.kind_of(given.body)
    picture = await _picture(given.body, media_type)
    body = picture.body if picture else given.body
    sha256 = hashlib.sha256(body).hexdigest()
    width, height = (picture.width, picture.height) if picture else (None, None)
    row = Evidence(uuid4(), employee_id, work_date, sha256, media_type, len(body), width, height, name, now)
    async with db.transaction() as tx:
        await store.lock(tx, sha256)
        held = await store.of_content(tx, employee_id, work_date, sha256)
        if held is None:
            counted = await store.count(tx, employee_id, work_date)
            if counted.of_day >= rules.MOST_A_DAY:
                raise Conflict("evidence.enough", params={"most": rules.MOST_A_DAY})
            if counted.unreported >= rules.MOST_UNREPORTED:
                raise Conflict("evidence.unreported", params={"most": rules.MOST_UNREPORTED})
            await store.insert(tx, row)
    if held is None or not held.stored:
        await files.put(row.key, body)
        async with db.transaction() as tx:
            await store.lock(tx, sha256)
            kept = await store.stored(tx, (held or row).evidence_id)
            if not kept:
                await _let_go(tx, files, row)
        if not kept:
            raise Missing("evidence.unknown")
    return Added(shown(held or row), created=held is None)


async def _picture(body: bytes, media_type: MediaType) -> Picture | None:
    kind = _PICTURES.get(media_type)
    if kind is None:
        return None
    try:
        return await drawn(body, kind)
    except NoPicture as error:
        raise Invalid("validation", errors=[FieldError("file", "evidence.broken")]) from error
    except TooManyPixels as error:
        most = {"most": MOST_PIXELS[kind] // 1_000_000}
        raise Invalid("validation", errors=[FieldError("file", "evidence.too_many_pixels", most)]) from error


async def take_back(  # noqa: PLR0917 - where from, whose, of when, and which
    db: Database, files: Files, clock: Clock, employee_id: UUID, work_date: dt.date, evidence_id: UUID
) -> None:
    """Purge a file of one's own that no report has named. Raises Conflict after that, Missing for no such file."""
    async with db.transaction() as tx:
        held = await store.get(tx, evidence_id)
        if held is None or (held.employee_id, held.work_date) != (employee_id, work_date):
            raise Missing("evidence.unknown")
        await store.lock(tx, held.sha256)
        if await store.take_back(tx, evidence_id, clock.now()):
            await _let_go(tx, files, held)
        elif held.purged_at is None:
            raise Conflict("evidence.reported")


async def purge(db: Database, files: Files, now: dt.datetime, kept: dt.timedelta) -> int:
    """Purge what is old: the files go, their rows say when. Returns how many."""
    purged = 0
    while True:
        async with db.read() as tx:
            found = await store.old(tx, now, kept, BATCH)
        for one in found:
            async with db.transaction() as tx:
                await store.lock(tx, one.sha256)
                if await store.purge_old(tx, one.evidence_id, now, kept):
                    await _let_go(tx, files, one)
                    purged += 1
        if not found:
            return purged


async def _let_go(tx: Tx, files: Files, purged: Evidence) -> None:
    """Delete the file of a row that is purged in this transaction, unless another row needs it."""
    if not await store.is_counted_on(tx, purged.sha256):
        await files.delete(purged.key)
