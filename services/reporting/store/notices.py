"""What whoever computes tells those who show it: what is another now."""

import datetime as dt
import json
from collections.abc import Collection
from typing import Any, NamedTuple
from uuid import UUID

from services.reporting.store.steps import Counter
from shared.database import Tx

CHANNEL = "steps"
"""NOTIFY channel: what was computed anew; the payload is that of `Changed`."""

_MOST_PEOPLE_NAMED = 2000
_NAMES_A_NOTICE = 180  # a payload has fewer than 8,000 bytes
_MOST_UNITS_NAMED = 200
_UNIT_BYTES = 5000


def subject_of(whose: UUID | str, date: dt.date) -> str:
    """What a trace under way is about (shared/under_way.py): a person-day, or a counter's date."""
    return f"{whose}/{date}"


class Changed(NamedTuple):
    """What a transaction computed anew: people of a work date, counters' dates; None: too many to name."""

    work_date: dt.date | None
    people: Collection[UUID] | None
    counters: Collection[Counter] | None

    def subjects(self) -> set[str]:
        """What is another now, where it is named."""
        people = () if self.work_date is None else self.people or ()
        return {
            *(subject_of(person, self.work_date) for person in people if self.work_date is not None),
            *(subject_of(unit_id, day) for day, unit_id in self.counters or ()),
        }

    def payloads(self) -> list[str]:
        """As NOTIFY carries it, in several notices where one would be too long.

        `{"date": work date, "people": [employee_id, ...] or "*"}`, `{"counters": {day: [unit_id, ...]} or "*"}`.
        """
        people = None if self.people is None or len(self.people) > _MOST_PEOPLE_NAMED else list(self.people)
        counters: dict[str, list[str]] | None = {}
        if self.counters is None or len(self.counters) > _MOST_UNITS_NAMED:
            counters = None
        else:
            for day, unit_id in self.counters:
                counters.setdefault(str(day), []).append(unit_id)
            if len(json.dumps(counters)) > _UNIT_BYTES:
                counters = None
        said: list[dict[str, Any]] = []
        if self.work_date is not None:
            names: list[list[str] | str] = ["*"]
            if people is not None:
                hexes = [person.hex for person in people]
                names = [hexes[n : n + _NAMES_A_NOTICE] for n in range(0, len(hexes), _NAMES_A_NOTICE)]
            said += [{"date": str(self.work_date), "people": some} for some in names]
        if counters is None or counters:
            said.append({"counters": "*" if counters is None else counters})
        return [json.dumps(one) for one in said]


def heard(payload: str) -> Changed:
    """What a notice says; see `Changed`."""
    said = json.loads(payload)
    people, counters = said.get("people", []), said.get("counters", {})
    return Changed(
        dt.date.fromisoformat(said["date"]) if "date" in said else None,
        None if people == "*" else [UUID(hex=person) for person in people],
        None
        if counters == "*"
        else [Counter(dt.date.fromisoformat(day), unit) for day, units in counters.items() for unit in units],
    )


async def tell(tx: Tx, changed: Changed) -> None:
    """Wake whoever shows it, once this transaction is committed."""
    payloads = changed.payloads()
    if payloads:
        await tx.connection.execute(
            "select pg_notify($1, payload) from unnest($2::text[]) as payload", CHANNEL, payloads
        )
