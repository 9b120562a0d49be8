"""Special hours as they are read."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import Field

from services.scheduling.store import hours as store
from services.scheduling.views.answer import Answer, Dated, Json, Some
from services.scheduling.views.proposals import ProposalInFull
from shared.database import Tx

_REFERENCES = Path(__file__).with_name("special_hours.json")


class Hours(Answer):
    """Other hours from a date to a date (none: until withdrawn), for all or for some OPD or units."""

    name: str
    first: dt.date = Field(alias="from")
    last: dt.date | None = Field(alias="to")
    timetable: str
    weekdays: Mapping[str, tuple[str, str] | None]
    """Monday "0" -> start and end, local HH:MM, or null for a rest day."""
    opd_codes: Sequence[str] = ()
    unit_ids: Sequence[str] = ()
    special_id: UUID


class StoredHours(Hours):
    """Special hours, withdrawn or not, and who gave them."""

    withdrawn: bool
    created_at: dt.datetime
    created_by: str


class GivenHours(Hours):
    """What was given. `needs_roster`: dates with plans that a roster has to mend."""

    needs_roster: Some[Dated]
    proposal: ProposalInFull | None


class WithdrawnHours(Answer):
    """`withdrawn` is false while that waits for a second officer."""

    special_id: UUID
    withdrawn: bool
    needs_roster: Some[Dated]
    proposal: ProposalInFull | None


class Reference(Answer):
    """Known special hours as data, to be posted as they are or changed."""

    about: str
    hours: Json


def references() -> list[Reference]:
    """The special hours that regulations have asked for so far."""
    return [Reference.model_validate(one) for one in json.loads(_REFERENCES.read_text(encoding="utf-8"))]


async def listed(tx: Tx) -> list[StoredHours]:
    """All special hours, withdrawn ones too, with the end that holds by now."""
    return [_stored(row) for row in await store.everything(tx)]


def _stored(row: Any) -> StoredHours:
    own = {name: row[name] for name in ("special_id", "withdrawn", "created_at", "created_by")}
    return StoredHours.model_validate({**row["body"], "to": row["last"], **own})
