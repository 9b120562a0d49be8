"""Whose records an officer may see."""

from uuid import UUID

from services.attendance.domain.punches import Person
from services.attendance.store import directory
from shared.access import Principal, acts_for_city, is_superior, only_opd
from shared.database import Tx
from shared.refusals import FieldError, Forbidden, Missing


async def answered_for(tx: Tx, who: Principal, employee_id: UUID) -> Person:
    """The person, if `who` answers for them by the directory.

    Raises Missing for anybody else: who works elsewhere is not this officer's to learn.
    """
    people = await directory.people(tx, {employee_id, *([who.subject] if who.subject else [])})
    person = people.get(employee_id)
    if person is None or not _answers(who, people, person):
        raise Missing("employee.not_yours", errors=[FieldError("employee_id", "employee.not_yours")])
    return person


def _answers(who: Principal, people: dict[UUID, Person], person: Person) -> bool:
    if acts_for_city(who):
        return True
    own_opd = only_opd(who)
    if own_opd is not None:
        return own_opd == person.opd_code
    if who.subject is None:
        raise Forbidden("auth.no_employee")
    officer = people.get(who.subject)
    return officer is not None and is_superior(officer, person)
