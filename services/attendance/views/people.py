"""Whose records an officer may see."""

from uuid import UUID

from services.attendance.domain.punches import Person
from services.attendance.store import directory
from shared.access import Principal, acts_for_city, employee_of, is_superior, only_opd
from shared.database import Tx
from shared.refusals import FieldError, Missing


async def answered_for(tx: Tx, who: Principal, employee_id: UUID) -> Person:
    """The person, if `who` answers for them by the directory.

    Raises Missing for anybody else: who works elsewhere is not this officer's to learn. Raises Forbidden for an
    account that could answer for nobody, whoever is asked for.
    """
    by_office = acts_for_city(who) or only_opd(who) is not None
    officer_id = None if by_office else employee_of(who)
    people = await directory.people(tx, {employee_id, officer_id or employee_id})
    person = people.get(employee_id)
    if person is None or not answers(who, person, people.get(officer_id) if officer_id else None):
        raise Missing("employee.not_yours", errors=[FieldError("employee_id", "employee.not_yours")])
    return person


def answers(who: Principal, person: Person, officer: Person | None) -> bool:
    """Does `who` answer for the person? `officer` is what the directory says of `who`."""
    own_opd = only_opd(who)
    if own_opd is not None:
        return own_opd == person.opd_code
    return acts_for_city(who) or (officer is not None and is_superior(officer, person))
