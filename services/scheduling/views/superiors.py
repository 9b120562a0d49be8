"""What someone leaves behind who goes or moves to another OPD: units without a head, people without a superior."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from services.scheduling.domain.found import Found
from services.scheduling.domain.records import Employee, Record
from services.scheduling.store import directory
from services.scheduling.store import superiors as store
from shared.database import Tx

MOST = 100_000
"""People without a superior that are counted: above every city. An answer names the first thousand."""


@dataclass(frozen=True, slots=True)
class Leaver:
    """`opd_code` is where they work from then on; None for a departure. `heads` are the headships that end."""

    employee_id: UUID
    opd_code: str | None
    heads: Sequence[str]

    @property
    def why(self) -> Literal["transfer", "departure"]:
        return "departure" if self.opd_code is None else "transfer"


def of_file(before: Mapping[object, Record], found: Sequence[Found]) -> list[Leaver]:
    """Who leaves by a file of people: departs, or goes on in another OPD."""
    leavers: list[Leaver] = []
    for one in found:
        new, old = one.record, before.get(directory.key_of(one.record))
        if not isinstance(new, Employee) or not isinstance(old, Employee) or not old.active:
            continue
        if not new.active:
            leavers.append(Leaver(new.employee_id, None, old.heads))
        elif old.opd_code != new.opd_code or one.heads_ended:
            leavers.append(Leaver(new.employee_id, new.opd_code, one.heads_ended))
    return leavers


async def of_posting(tx: Tx, employee_id: UUID, kind: str, body: Mapping[str, Any]) -> list[Leaver]:
    """Who leaves by a posting change, as the directory stands now."""
    person = await store.leaving(tx, employee_id)
    if kind == "departure":
        return [Leaver(employee_id, None, person["heads"])]
    opd_code = body.get("opd_code", person["opd_code"])
    if opd_code == person["opd_code"]:
        return []
    units = (await directory.known(tx, "holidays")).unit_opd
    return [Leaver(employee_id, opd_code, elsewhere(person["heads"], opd_code, units))]


def elsewhere(heads: Collection[str], opd_code: str, unit_opd: Mapping[str, str]) -> list[str]:
    """Those of some units and OPD that are outside an OPD."""
    return [head for head in heads if unit_opd.get(head, head) != opd_code]


async def left_behind(tx: Tx, leavers: Sequence[Leaver]) -> list[dict[str, Any]]:
    """For each leaver the headships that end and the people outside the OPD they go to whose superior they are."""
    under = await store.under(tx, [one.employee_id for one in leavers])
    listed: list[dict[str, Any]] = []
    for one in leavers:
        people = [
            {"employee_id": str(row["employee_id"]), "name": row["name"]}
            for row in under.get(one.employee_id, ())
            if row["opd_code"] != one.opd_code
        ]
        if people or one.heads:
            listed.append(
                {
                    "employee_id": str(one.employee_id),
                    "because": one.why,
                    "heads": list(one.heads),
                    "people": people,
                }
            )
    return listed


async def without_superior(tx: Tx, around: Sequence[UUID]) -> list[dict[str, Any]]:
    """Of these people and those under them, who has nobody named to review them, and who does so meanwhile."""
    rows = await store.without(tx, around=around, limit=MOST)
    names = ("employee_id", "name", "unit_id", "because", "reviewer_id")
    return [{name: None if row[name] is None else str(row[name]) for name in names} for row in rows]
