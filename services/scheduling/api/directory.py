"""Reading the directory."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from services.scheduling.store import lists
from shared.access import READ_DIRECTORY, READ_FULL_NIP, Principal, may, only_opd
from shared.auth import principal, require
from shared.cursors import encode_cursor, read_cursor, read_id_cursor
from shared.http import page
from shared.service import Service, service_of

router = APIRouter(prefix="/scheduling/v1", tags=["directory"])
Running = Annotated[Service, Depends(service_of)]
Officer = Annotated[Principal, Depends(require(READ_DIRECTORY))]
PAGE = 1000


def masked(nip: str) -> str:
    """A NIP without birth date and sex: what those outside the HR agency see."""
    return "*" * 15 + nip[15:]


@router.get("/opds", dependencies=[Depends(principal)])
async def list_opds(service: Running) -> dict[str, Any]:
    """Every OPD."""
    async with service.db.read() as tx:
        return page([dict(row) for row in await lists.opds(tx.connection)], None)


@router.get("/units", dependencies=[Depends(principal)])
async def list_units(service: Running, opd_code: str | None = None, cursor: str | None = None) -> dict[str, Any]:
    """Units with their places and opening hours, a thousand to a page."""
    after = read_cursor(cursor, str)[0] if cursor else ""
    async with service.db.read() as tx:
        rows = await lists.units(tx.connection, opd_code, after, PAGE)
    following = encode_cursor(rows[-1]["unit_id"]) if len(rows) == PAGE else None
    return page([dict(row) for row in rows], following)


@router.get("/employees")
async def list_employees(
    service: Running,
    who: Officer,
    opd_code: str | None = None,
    unit_id: str | None = None,
    cursor: str | None = None,
) -> dict[str, Any]:
    """People, a thousand to a page; an OPD admin sees their own OPD, and masked NIPs."""
    own = only_opd(who)
    opd_code = opd_code if own is None else own
    after = read_id_cursor(cursor)
    async with service.db.read() as tx:
        rows = await lists.employees(tx.connection, opd_code, unit_id, after, PAGE)
    items = [dict(row) for row in rows]
    if not may(who, READ_FULL_NIP):
        items = [{**item, "nip": masked(item["nip"])} for item in items]
    following = encode_cursor(items[-1]["employee_id"]) if len(items) == PAGE else None
    return page(items, following)
