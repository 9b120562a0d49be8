"""What several plans of one person come to when they are one message. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from uuid import UUID

from services.notifications.domain.kinds import Kind
from services.notifications.domain.news import Notice

JOINS: frozenset[Kind] = frozenset({"schedule.new", "schedule.wfh", "schedule.changed"})
"""Kinds whose messages are about days, and may be about more of them."""


class Joined(NamedTuple):
    """A notice that became a part of the message `notification_id`."""

    notice_id: UUID
    notification_id: UUID


class Open(NamedTuple):
    """For a notice: the message of its kind to its person that is not read yet, and may still be about more."""

    notice_id: UUID
    notification_id: UUID
    params: dict[str, Any]


class Grouped(NamedTuple):
    """The notices that are messages of their own, which notices join which message, and what messages that were
    written before are about now."""

    notices: list[Notice]
    joined: list[Joined]
    again: dict[UUID, dict[str, Any]]


def together(held: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a message about the days of both. A day that is in both is as the later one says; what it
    was before is what it was before the first."""
    days = {day["work_date"]: day for day in _days(held)}
    for day in _days(more):
        before = days.get(day["work_date"])
        days[day["work_date"]] = (
            {**day, "previous": before["previous"]} if before and "previous" in before else day
        )
    return {"days": [days[date] for date in sorted(days)]}


def _days(params: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    return params["days"] if "days" in params else [dict(params)]


def group(notices: Sequence[Notice], open_: Sequence[Open], kinds: frozenset[Kind]) -> Grouped:
    """Put notices of `kinds` to one person together: into the message that is open for them, else the first."""
    held = {one.notice_id: one for one in open_}
    heads: dict[tuple[UUID, Kind], UUID] = {}
    about: dict[UUID, dict[str, Any]] = {}
    own: dict[UUID, Notice] = {}
    joined: list[Joined] = []
    for notice in notices:
        whose = (notice.employee_id, notice.kind)
        if notice.kind not in kinds:
            own[notice.id] = notice
        elif (head := heads.get(whose)) is not None:
            about[head] = together(about[head], notice.params)
            joined.append(Joined(notice.id, head))
        elif (message := held.get(notice.id)) is not None:
            heads[whose] = message.notification_id
            about[message.notification_id] = together(message.params, notice.params)
            joined.append(Joined(notice.id, message.notification_id))
        else:
            heads[whose] = notice.id
            about[notice.id] = notice.params
            own[notice.id] = notice
    again = {head: params for head, params in about.items() if head not in own}
    changed = {id_ for _, id_ in joined}
    return Grouped(
        [replace(one, params=about[id_]) if id_ in changed else one for id_, one in own.items()], joined, again
    )
