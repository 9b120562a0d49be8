"""What someone leaves behind who goes or moves to another OPD: units without a head, people without a superior."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from services.scheduling.store import directory
from services.scheduling.store import superiors as store
from services.scheduling.views.answer import Answer
from shared.database import Tx

MOST = 100_000
"""People without a superior that are counted: above every city. An answer names the first thousand."""


class Subordinate(Answer):
    employee_id: UUID
    name: str


class LeftBehind(Answer):
    """What somebody leaves behind: headships that end, and people whose superior goes elsewhere."""

    employee_id: UUID
    because: Literal["transfer", "departure"]
    heads: Sequence[str]
    people: Sequence[Subordinate]


class WithoutSuperior(Answer):
    """Someone with nobody named to review them; `reviewer_id` does so meanwhile."""

    employee_id: UUID
    name: str
    unit_id: str
    because: Literal["none", "departed", "other_opd"]
    reviewer_id: UUID | None


@dataclass(frozen=True, slots=True)
class Leaver:
    """`opd_code` is where they work from then on; None for a departure. `heads` are the headships that end."""

    employee_id: UUID
    opd_code: str | None
    heads: Sequence[str]

    @property
    def why(self) -> Literal["transfer", "departure"]:
        return "departure" if self.opd_code is None else "transfer"


async def of_posting(tx: Tx, employee_id: UUID, kind: str, body: Mapping[str, Any]) -> list[Leaver]:
    """Who leaves by a posting change, as the directory stands now."""
    person = await store.leaving(tx, employee_id)
    if kind == "departure":
        return [Leaver(employee_id, None, person.heads)]
    opd_code = body.get("opd_code", person.opd_code)
    if opd_code == person.opd_code:
        return []
    units = (await directory.known(tx)).unit_opd
    return [Leaver(employee_id, opd_code, elsewhere(person.heads, opd_code, units))]


def elsewhere(heads: Collection[str], opd_code: str, unit_opd: Mapping[str, str]) -> list[str]:
    """Those of some units and OPD that are outside an OPD."""
    return [head for head in heads if unit_opd.get(head, head) != opd_code]


async def left_behind(tx: Tx, leavers: Sequence[Leaver]) -> list[LeftBehind]:
    """For each leaver the headships that end and the people outside the OPD they go to whose superior they are."""
    under = await store.under(tx, [leaver.employee_id for leaver in leavers])
    listed: list[LeftBehind] = []
    for leaver in leavers:
        people = [
            Subordinate.model_validate(person)
            for person in under.get(leaver.employee_id, ())
            if person.opd_code != leaver.opd_code
        ]
        if people or leaver.heads:
            left = LeftBehind(
                employee_id=leaver.employee_id, because=leaver.why, heads=leaver.heads, people=people
            )
            listed.append(left)
    return listed


async def without_superior(tx: Tx, around: Sequence[UUID]) -> list[WithoutSuperior]:
    """Of these people and those under them, who has nobody named to review them, and who does so meanwhile."""
    return [
        WithoutSuperior.model_validate(dict(row)) for row in await store.without(tx, around=around, limit=MOST)
    ]
