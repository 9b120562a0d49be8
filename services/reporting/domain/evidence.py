"""Evidence of what was done: a photo or a document beside the items of a report. Pure.

What a file is follows from what is in it; what its sender calls it decides nothing.
"""

import datetime as dt
import unicodedata
from dataclasses import dataclass
from typing import Literal, get_args
from uuid import UUID

from shared.personal import personal
from shared.refusals import FieldError, Invalid

MediaType = Literal["image/jpeg", "image/png", "image/webp", "application/pdf"]
MEDIA_TYPES: tuple[MediaType, ...] = get_args(MediaType)
EXTENSIONS = dict(zip(MEDIA_TYPES, ("jpg", "png", "webp", "pdf"), strict=True))

MOST_BYTES = 10 * 1024 * 1024
MOST_A_DAY = 50
"""Files of one person and work date."""
MOST_UNREPORTED = 200
"""Files of one person that no report has named yet."""
LONGEST_NAME = 150
UNREPORTED = dt.timedelta(days=30)
"""A file that no report has named for so long is let go."""
UNFINISHED = dt.timedelta(days=1)
"""So is one whose storing began and did not end."""

_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif"}


@dataclass(frozen=True, slots=True)
class Evidence:
    """One file. `sha256` is of what is stored; width and height are those of a picture, in pixels."""

    evidence_id: UUID
    employee_id: UUID
    work_date: dt.date
    sha256: str
    media_type: MediaType
    size: int
    width: int | None
    height: int | None
    name: str | None
    added_at: dt.datetime
    stored: bool = False
    """Whether the file is whole where files stand."""
    reported: bool = False
    """Whether a report has ever named it: then it stays for as long as evidence is kept."""
    purged_at: dt.datetime | None = None

    @property
    def key(self) -> str:
        return key_of(self.sha256)

    @property
    def download_name(self) -> str:
        """What the file is called where it is downloaded: nothing of it is the sender's."""
        return f"{self.work_date}-{self.sha256[:12]}.{EXTENSIONS[self.media_type]}"


def key_of(sha256: str) -> str:
    """Where a file stands, by its content."""
    return f"{sha256[:2]}/{sha256}"


def _wrong(code: str, **params: object) -> Invalid:
    return Invalid("validation", errors=[FieldError("file", code, params)])


def kind_of(body: bytes) -> MediaType:
    """What a file is, by its first bytes. Raises Invalid for what is not taken, with what to do instead."""
    if not body:
        raise _wrong("evidence.empty")
    if len(body) > MOST_BYTES:
        raise _wrong("evidence.too_large", most=MOST_BYTES // 1024 // 1024)
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body.startswith(b"RIFF") and body[8:12] == b"WEBP":
        return "image/webp"
    if body[4:8] == b"ftyp" and body[8:12] in _HEIC:
        raise _wrong("evidence.heic")
    if body.startswith(b"%PDF-"):
        if b"%%EOF" not in body[-2048:]:
            raise _wrong("evidence.broken")
        return "application/pdf"
    raise _wrong("evidence.kind")


def name_of(given: str | None) -> str | None:
    """The sender's name of a file, where it may be kept: it is shown, and never used as a path.

    None where it tells who somebody is. Raises Invalid for one with a path in it, or that nobody can read.
    """
    name = (given or "").strip()
    if not name:
        return None
    odd = any(unicodedata.category(character) in ("Cc", "Cs", "Cf") for character in name)
    if odd or "/" in name or "\\" in name or name in (".", "..") or name[1:2] == ":":
        raise Invalid("validation", errors=[FieldError("name", "evidence.name")])
    if len(name) > LONGEST_NAME:
        raise Invalid("validation", errors=[FieldError("name", "evidence.name_too_long", {"most": LONGEST_NAME})])
    return None if personal(name) else name
