"""The doors of packs: ask for one, see which there are, and take its files."""

import asyncio
import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import Field

from services.reporting.api.figures import Running
from services.reporting.api.periods import span
from services.reporting.commands import packs as commands
from services.reporting.domain import Exact
from services.reporting.views.packs import kept
from services.reporting.views.packs.kept import PackOrder
from services.reporting.views.packs.manifest import MANIFEST_TYPE, MEDIA_TYPES, Manifest
from shared.access import READ_CITY
from shared.auth import require_asker
from shared.cursors import Limit, Page
from shared.events.base import Date, InstantUTC
from shared.refusals import Conflict

router = APIRouter(prefix="/reporting/v1/packs", tags=["packs"], dependencies=[Depends(require_asker(READ_CITY))])

PackId = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the manifest")]
FileName = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9.-]{0,79}$", examples=["pack-id.pdf", "pack.zip"])]

HEADERS = {
    # A document that is opened runs nothing and asks for nothing; its own style is all that it has.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Under its hash a file is the same for ever; whoever signs in to this browser next is not to read it.
    "Cache-Control": "private, no-store",
}


_BINARY = {"schema": {"type": "string", "format": "binary"}}
_KINDS = (*(kind.partition(";")[0] for kind in MEDIA_TYPES.values()), MANIFEST_TYPE, kept.ZIP_TYPE)


class PackIn(Exact):
    """Which period, as of when: now when left out."""

    first: Date = Field(alias="from", examples=["2025-11-01"])
    last: Date = Field(alias="to", examples=["2025-11-30"])
    as_of: InstantUTC | None = None


class PackContent(Response):
    """A file of a pack, of whatever kind."""


@router.get("")
async def packs(
    service: Running, cursor: Annotated[str | None, Query()] = None, limit: Annotated[Limit, Query()] = 100
) -> Page[PackOrder]:
    """The packs that were asked for, those as of the latest instant first."""
    async with service.db.read() as tx:
        return await kept.listed(tx, cursor, limit)


@router.post("", status_code=202, responses={200: {"model": PackOrder, "description": "It is made already"}})
async def order(*, asked: PackIn, request: Request, response: Response, service: Running) -> PackOrder:
    """Ask for the pack of a period. It is made once, and kept: ask again until `state` is `made`.

    The same period and `as_of` are the same pack, whoever asks, an office account too: nothing of the city changes
    by it.
    """
    if request.app.state.proof_keys is None:
        raise Conflict("pack.no_key")
    at = await span(service, asked.first, asked.last, asked.as_of)
    now: dt.datetime = service.clock.now()
    ordered = await commands.order(service.db, now, at.period, at.as_of, now_meant=asked.as_of is None)
    wake: asyncio.Event = request.app.state.packs_asked
    wake.set()
    if ordered.pack_id is not None:
        response.status_code = 200
        response.headers["Location"] = f"{router.prefix}/{ordered.pack_id}"
    return ordered


@router.get("/{pack_id}")
async def manifest(pack_id: PackId, service: Running) -> Manifest:
    """What a pack is made of, by the hash of each file, signed."""
    async with service.db.read() as tx:
        return await kept.manifest(tx, pack_id)


@router.get(
    "/{pack_id}/{name}",
    response_class=PackContent,
    responses={200: {"description": "The file", "content": dict.fromkeys(_KINDS, _BINARY)}},
)
async def file(pack_id: PackId, name: FileName, service: Running) -> Response:
    """A file of a pack as its manifest names it, `manifest.json`, or all of it as `pack.zip`."""
    async with service.db.read() as tx:
        found = await kept.file(tx, pack_id, name)
    # What shows PDF in a browser is a script: in the sandbox of these headers it would show nothing.
    how = "inline" if found.media_type.startswith(("text/html", "application/json")) else "attachment"
    return PackContent(
        found.body,
        media_type=found.media_type,
        headers={**HEADERS, "Content-Disposition": f'{how}; filename="hadir-{pack_id[:12]}-{name}"'},
    )
