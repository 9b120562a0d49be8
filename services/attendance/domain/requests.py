"""What staff may ask for of their own record: a correction, or another verdict. Pure."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from services.attendance.domain import Exact
from shared.events import PunchKind, Zone
from shared.events.base import UUID, Code, Date, InstantUTC
from shared.personal import Reason

StatedZone = Literal["office", "remote", "elsewhere"]
MOST_PUNCHES = 4
"""Punches of one day that a request names."""


class StatedPunch(Exact):
    """A punch that is not recorded and should be; without `zone` its place stays unknown."""

    kind: PunchKind
    at: InstantUTC
    zone: StatedZone | None = None


class _Asking(Exact):
    """`request_id` is the caller's, so that a retry asks once; `evidence_id` is a file that reporting keeps."""

    request_id: UUID
    reason: Reason
    evidence_id: Code | None = None


class MissedPunch(_Asking):
    """Punches of a work date that could not be made: forgotten, or in an outage of one's own line."""

    kind: Literal["missed_punch", "own_line"]
    work_date: Date
    punches: Annotated[list[StatedPunch], Field(min_length=1, max_length=MOST_PUNCHES)]


class WrongKey(_Asking):
    """A punch that was meant as the other kind."""

    kind: Literal["wrong_key"]
    punch_id: UUID


class WrongPlace(_Asking):
    """A punch that was made elsewhere than it is recorded."""

    kind: Literal["wrong_place"]
    punch_id: UUID
    zone: StatedZone


class Appeal(_Asking):
    """Against the verdict on a duty of a work date: what should be recorded, and what should not count.

    Who leaves both empty leaves it to the decider. Report and output follow from the report and its review.
    """

    kind: Literal["appeal"]
    work_date: Date
    duty: Literal["on_time", "place", "hours"]
    punches: Annotated[list[StatedPunch], Field(max_length=MOST_PUNCHES)] = []
    voids: Annotated[list[UUID], Field(max_length=MOST_PUNCHES)] = []


RequestIn = Annotated[MissedPunch | WrongKey | WrongPlace | Appeal, Field(discriminator="kind")]
REQUEST: TypeAdapter[MissedPunch | WrongKey | WrongPlace | Appeal] = TypeAdapter(RequestIn)
ASKED_TAGS = ("missed_punch", "own_line", "wrong_key", "wrong_place", "appeal")
HEAD = frozenset({"request_id", "kind", "reason", "evidence_id"})
"""Of a request, what is kept beside what it asks for."""


def about(asked: RequestIn) -> frozenset[str]:
    """What a request is about: two that share any of it are about the same."""
    match asked:
        case MissedPunch():
            return frozenset(f"{punch.kind} of {asked.work_date}" for punch in asked.punches)
        case WrongKey() | WrongPlace():
            return frozenset({f"punch {asked.punch_id}"})
        case Appeal():
            return frozenset({f"{asked.duty} of {asked.work_date}"})


def kept_zone(zone: Zone) -> StatedZone | None:
    """The zone of a punch, as far as an officer may state it for the one in its place."""
    return zone if zone in ("office", "remote", "elsewhere") else None
