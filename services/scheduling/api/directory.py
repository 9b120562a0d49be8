"""Reading the directory."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from services.scheduling.store import directory, superiors
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
        return page([dict(row) for row in await directory.opds(tx)], None)


@router.get("/units", dependencies=[Depends(principal)])
async def list_units(service: Running, opd_code: str | None = None, cursor: str | None = None) -> dict[str, Any]:
    """Units with their places and opening hours, a thousand to a page."""
    after = read_cursor(cursor, str)[0] if cursor else ""
    async with service.db.read() as tx:
        rows = await directory.units(tx, opd_code, after, PAGE)
    following = encode_cursor(rows[-1]["unit_id"]) if len(rows) == PAGE else None
    return page([dict(row) for row in rows], following)


@router.get("/employees")
async def list_employees(
    *,
    service: Running,
    who: Officer,
    opd_code: str | None = None,
    unit_id: str | None = None,
    without_superior: bool = False,
    cursor: str | None = None,
) -> dict[str, Any]:
    """People, a thousand to a page; an OPD admin sees their own OPD, masked NIPs and no discipline.

    With `without_superior=true` those whose superior is not named, has left or works in another OPD, with the
    reason in `because` and in `reviewer_id` who reviews in the meantime: the list to mend.
    """
    own = only_opd(who)
    opd_code = opd_code if own is None else own
    after = read_id_cursor(cursor)
    async with service.db.read() as tx:
        if without_superior:
            rows = await superiors.without(tx, opd_code=opd_code, unit_id=unit_id, after=after, limit=PAGE)
        else:
            rows = await directory.employees(tx, opd_code, unit_id, after, PAGE)
    items = [dict(row) for row in rows]
    if not may(who, READ_FULL_NIP):
        items = [{**item, "nip": masked(item["nip"])} for item in items]
        for item in items:
            item.pop("discipline_until", None)
    following = encode_cursor(items[-1]["employee_id"]) if len(items) == PAGE else None
    return page(items, following)
