"""The identity of an announcement. Pure."""

from uuid import NAMESPACE_URL, UUID, uuid5

DAYS_BACK = 35
"""Work dates before that are never announced."""


def transition_id(topic: str, key: str, revision: int) -> UUID:
    """The one event id of one transition, the same whoever computes it and however often.

    `key` names what changed: `<employee_id>/<work_date>/<duty>` or `<unit_id>`.
    """
    return uuid5(NAMESPACE_URL, f"urn:hadir:{topic}:{key}:{revision}")
