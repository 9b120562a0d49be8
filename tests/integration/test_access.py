"""Who answers for whom: the rule in Python and the rule in SQL say the same of everybody."""

import json
from dataclasses import dataclass
from itertools import product
from uuid import UUID, uuid4

import pytest

from shared.access import REVIEWER, SUPERIOR, is_superior
from tests.conftest import DatabaseFor

BOSS, WORKER, OTHER = (uuid4() for _ in range(3))


@dataclass(frozen=True)
class Member:
    employee_id: UUID
    opd_code: str
    unit_id: str
    supervisor_id: UUID | None
    acting_supervisor_id: UUID | None
    heads: tuple[str, ...]
    active: bool


def pairs() -> list[tuple[Member, Member]]:
    officers = [
        Member(BOSS, "9.01", "A", None, None, heads, active)
        for heads, active in product(((), ("U",), ("9.02",), ("A", "9.01"), ("U", "9.02")), (True, False))
    ]
    people = [
        Member(who, "9.02", "U", supervisor, acting, (), active)
        for who, supervisor, acting, active in product(
            (WORKER, BOSS), (None, BOSS, OTHER), (None, BOSS, OTHER), (True, False)
        )
    ]
    return list(product(officers, people))


@pytest.mark.parametrize(("column", "literal"), [("jsonb", json.dumps), ("text[]", list)])
async def test_the_rule_in_sql_is_the_rule_in_python(
    database_for: DatabaseFor, column: str, literal: type[list[str]]
) -> None:
    def values(member: Member) -> tuple[object, ...]:
        return (
            member.employee_id,
            member.opd_code,
            member.unit_id,
            member.supervisor_id,
            member.acting_supervisor_id,
            literal(list(member.heads)),
            member.active,
        )

    db = await database_for("reporting")
    query = f"""
        select {SUPERIOR}, {REVIEWER} from
            (select $1::uuid employee_id, $2::text opd_code, $3::text unit_id, $4::uuid supervisor_id,
                $5::uuid acting_supervisor_id, $6::{column} heads, $7::boolean active) officer,
            (select $8::uuid employee_id, $9::text opd_code, $10::text unit_id, $11::uuid supervisor_id,
                $12::uuid acting_supervisor_id, $13::{column} heads, $14::boolean active) person
    """  # noqa: S608
    superiors = 0
    async with db.read() as tx:
        for officer, person in pairs():
            [(superior, reviewer)] = await tx.connection.fetch(query, *values(officer), *values(person))
            assert bool(superior) == is_superior(officer, person), (officer, person)
            direct = BOSS in (person.supervisor_id, person.acting_supervisor_id)
            assert bool(reviewer) == (is_superior(officer, person) and direct), (officer, person)
            superiors += bool(superior)
    assert 0 < superiors < len(pairs())


def test_nobody_is_their_own_superior_and_who_has_left_is_none() -> None:
    for officer, person in pairs():
        if officer.employee_id == person.employee_id or not officer.active:
            assert not is_superior(officer, person)
