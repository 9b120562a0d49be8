"""Whom a change is about, and whether the officer may make it."""

from uuid import UUID

from services.scheduling.store import people
from services.scheduling.store.people import PersonRow
from shared.access import Principal, acts_for_city, employee_of, is_superior, only_opd, own_opd
from shared.database import Tx
from shared.refusals import FieldError, Forbidden, Missing


async def in_own_opd(tx: Tx, who: Principal, employee_id: UUID) -> PersonRow:
    """The person a change is about. Raises Missing for a stranger, Forbidden for another OPD's.

    To an OPD admin a stranger is another OPD's: who works elsewhere is not theirs to learn.
    """
    person = await people.person(tx, employee_id)
    own_opd(who, [person.opd_code] if person else [], everybody=person is None)
    if person is None:
        raise Missing("directory.unknown", errors=[FieldError("employee_id", "directory.unknown")])
    return person


async def answered_for(tx: Tx, who: Principal, employee_id: UUID, field: str) -> None:
    """Raises Missing unless the caller is the person's superior or deputy, their OPD's admin, or BKPSDM."""
    person = await people.person(tx, employee_id)
    if person is not None:
        if acts_for_city(who) or only_opd(who) == person.opd_code:
            return
        officer = await people.person(tx, employee_of(who))
        if officer is not None and is_superior(officer, person):
            return
    raise Missing("directory.unknown", errors=[FieldError(field, "directory.unknown")])


async def superior_of(tx: Tx, who: Principal, person: PersonRow) -> None:
    """Raises Forbidden unless the caller is the person's superior or deputy, their OPD's admin, or BKPSDM."""
    if only_opd(who) is not None:
        own_opd(who, [person.opd_code])
    elif not acts_for_city(who):
        officer = await people.person(tx, employee_of(who))
        if officer is None or not is_superior(officer, person):
            raise Forbidden("swap.not_superior")
