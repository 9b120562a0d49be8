"""Reading the directory."""

from typing import Annotated

from fastapi import APIRouter, Depends

from services.scheduling.api.doors import Running
from services.scheduling.views import directory as views
from services.scheduling.views.directory import Colleague, Employee, Opd, Unit, Unled
from shared.access import READ_DIRECTORY, Principal
from shared.auth import principal, require
from shared.cursors import Page, cut, read_cursor, read_id_cursor

router = APIRouter(prefix="/scheduling/v1", tags=["directory"])
Officer = Annotated[Principal, Depends(require(READ_DIRECTORY))]
PAGE = 1000


@router.get("/opds", dependencies=[Depends(principal)])
async def list_opds(service: Running) -> Page[Opd]:
    """Every OPD."""
    async with service.db.read() as tx:
        return Page(items=await views.opds(tx))


@router.get("/units", dependencies=[Depends(principal)])
async def list_units(service: Running, opd_code: str | None = None, cursor: str | None = None) -> Page[Unit]:
    """Units with their places and opening hours, a thousand to a page."""
    (after,) = read_cursor(cursor, str) if cursor else ("",)
    async with service.db.read() as tx:
        units = await views.units(tx, opd_code, after, PAGE + 1)
    return cut(units, PAGE, lambda unit: (unit.unit_id,))


@router.get("/employees")
async def list_employees(
    *,
    service: Running,
    who: Officer,
    opd_code: str | None = None,
    unit_id: str | None = None,
    without_superior: bool = False,
    cursor: str | None = None,
) -> Page[Employee | Colleague | Unled]:
    """People, a thousand to a page; an OPD admin sees their own OPD, masked NIPs and no discipline.

    With `without_superior=true` those whose superior is not named, has left or works in another OPD, with the
    reason in `because` and in `reviewer_id` who reviews in the meantime: the list to mend.
    """
    view = views.unled if without_superior else views.employees
    after = read_id_cursor(cursor)
    async with service.db.read() as tx:
        people = await view(tx, who, opd_code=opd_code, unit_id=unit_id, after=after, limit=PAGE + 1)
    return cut(people, PAGE, lambda person: (person.employee_id,))
