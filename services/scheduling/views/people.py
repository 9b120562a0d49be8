"""The directory over time, as BKPSDM reads it."""

import datetime as dt
from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from services.scheduling.store import people as store
from services.scheduling.views.answer import Answer, Dated, Json, Some
from services.scheduling.views.directory import Place
from services.scheduling.views.superiors import LeftBehind, WithoutSuperior
from shared.database import Tx


class PostingChange(Answer):
    """A change of a posting; `body` holds the fields that change."""

    change_id: UUID
    employee_id: UUID
    effective_from: dt.date
    kind: str
    body: Json
    status: Literal["due", "applied", "cancelled"]


class ChangedPosting(Answer):
    """A posting change, and what it leaves for others to mend.

    `left_behind`: headships that end, and people whose superior goes elsewhere; `without_superior`: people with
    nobody named to review them; `plans`: published plans that a departure frees; `needs_roster`: dates with
    published plans that no longer fit.
    """

    change_id: UUID
    left_behind: Some[LeftBehind]
    without_superior: Some[WithoutSuperior]
    plans: int
    needs_roster: Some[Dated]


class CancelledPosting(Answer):
    change_id: UUID
    status: Literal["cancelled"] = "cancelled"


class RemotePlaces(Answer):
    employee_id: UUID
    places: Sequence[Place]


class Erased(Answer):
    employee_id: UUID
    status: Literal["erased"] = "erased"


class WrongField(Answer):
    field: str
    message: str


class Withheld(Answer):
    """An entry that cannot be published as it is stored, and what to mend; never its values."""

    topic: str
    key: str
    errors: Sequence[WrongField]


class Publication(Answer):
    """How many entries of the directory were published, and which could not be."""

    published: int
    withheld: Some[Withheld]


class ActingId(Answer):
    acting_id: UUID


class Acting(ActingId):
    """A deputy for an absent superior, both dates included."""

    absent_id: UUID
    deputy_id: UUID
    kind: Literal["PLH", "PLT"]
    from_date: dt.date
    to_date: dt.date
    letter: str | None


class EndedActing(ActingId):
    status: Literal["ended"] = "ended"


async def postings(tx: Tx, employee_id: UUID) -> list[PostingChange]:
    """A person's changes, past and to come, by date."""
    return [PostingChange.model_validate(change) for change in await store.changes_of(tx, employee_id)]


async def acting(tx: Tx, day: dt.date) -> list[Acting]:
    """Acting periods that have not ended by a date."""
    return [Acting.model_validate(period) for period in await store.acting(tx, day)]
