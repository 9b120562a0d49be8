"""Who answers for whom: the rule in Python and the rule in SQL say the same of everybody."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from uuid import UUID, uuid4

import pytest

from shared.access import REVIEWER, SUPERIOR, Principal, Role, decider, decides, is_superior
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


def values(member: Member | None, literal: Callable[[list[str]], object]) -> tuple[object, ...]:
    """A row of the directory, all null for nobody."""
    if member is None:
        return (None,) * 7
    return (
        member.employee_id,
        member.opd_code,
        member.unit_id,
        member.supervisor_id,
        member.acting_supervisor_id,
        literal(list(member.heads)),
        member.active,
    )


def rows(column: str) -> str:
    return f"""
        (select $1::uuid employee_id, $2::text opd_code, $3::text unit_id, $4::uuid supervisor_id,
            $5::uuid acting_supervisor_id, $6::{column} heads, $7::boolean active) officer,
        (select $8::uuid employee_id, $9::text opd_code, $10::text unit_id, $11::uuid supervisor_id,
            $12::uuid acting_supervisor_id, $13::{column} heads, $14::boolean active) person
    """


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
    database_for: DatabaseFor, column: str, literal: Callable[[list[str]], object]
) -> None:
    db = await database_for("reporting")
    query = f"select {SUPERIOR}, {REVIEWER} from {rows(column)}"  # noqa: S608
    superiors = 0
    async with db.read() as tx:
        for officer, person in pairs():
            [(superior, reviewer)] = await tx.connection.fetch(
                query, *values(officer, literal), *values(person, literal)
            )
            assert bool(superior) == is_superior(officer, person), (officer, person)
            direct = BOSS in (person.supervisor_id, person.acting_supervisor_id)
            assert bool(reviewer) == (is_superior(officer, person) and direct), (officer, person)
            superiors += bool(superior)
    assert 0 < superiors < len(pairs())


def test_nobody_is_their_own_superior_and_who_has_left_is_none() -> None:
    for officer, person in pairs():
        if officer.employee_id == person.employee_id or not officer.active:
            assert not is_superior(officer, person)


CALLERS = [
    Principal(BOSS, "staff", None, 0),
    Principal(BOSS, "opd_admin", "9.02", 0),
    Principal(BOSS, "opd_admin", None, 0),
]
"""An OPD admin may be one whom the directory does not know."""


@pytest.mark.parametrize("waited", [False, True])
async def test_who_decides_is_the_same_in_sql_and_in_python(database_for: DatabaseFor, *, waited: bool) -> None:
    db = await database_for("reporting")
    rule = decider(me="$15::uuid", opd="$16::text", waited="$17::boolean")
    query = f"select {rule} as may from {rows('jsonb')}"  # noqa: S608
    found = set[bool]()
    async with db.read() as tx:
        for (officer, person), who in product([*pairs(), (None, PERSON)], CALLERS):
            given = (*values(officer, json.dumps), *values(person, json.dumps), who.subject, who.opd, waited)
            may = await tx.connection.fetchval(query, *given)
            assert bool(may) == decides(who, officer, person, waited=waited), (officer, person, who)
            found.add(bool(may))
    assert found == {True, False}


PERSON = Member(WORKER, "9.02", "U", OTHER, None, (), active=True)
HEAD = Member(BOSS, "9.01", "A", None, None, ("9.02",), active=True)


def may(role: Role, officer: Member | None, person: Member, *, waited: bool, opd: str | None = None) -> bool:
    return decides(Principal(BOSS, role, opd, 0), officer, person, waited=waited)


def test_the_next_one_up_decides_only_when_it_has_waited_or_nobody_is_nearer() -> None:
    assert not may("staff", HEAD, PERSON, waited=False)
    assert may("staff", HEAD, PERSON, waited=True)
    assert may("staff", HEAD, replace(PERSON, supervisor_id=None), waited=False)
    assert not may("opd_admin", None, PERSON, waited=False, opd="9.02")
    assert may("opd_admin", None, PERSON, waited=True, opd="9.02")
    assert not may("opd_admin", None, PERSON, waited=True, opd="9.01")


def test_superior_and_deputy_decide_at_once_and_nobody_on_their_own() -> None:
    plain = replace(HEAD, heads=())
    assert may("staff", plain, replace(PERSON, supervisor_id=BOSS), waited=False)
    assert may("staff", plain, replace(PERSON, acting_supervisor_id=BOSS), waited=False)
    assert not may("staff", replace(plain, active=False), replace(PERSON, supervisor_id=BOSS), waited=True)
    own = replace(HEAD, opd_code="9.02", supervisor_id=BOSS)
    assert not may("opd_admin", own, own, waited=True, opd="9.02")
