"""Where two policies speak of the same OPD on the same date, and which of them decides."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from services.scheduling.domain.policies import Policy, in_force


@dataclass(frozen=True, slots=True)
class PolicyConflict:
    """From `first` to `last` (None: without end) both hold for these OPD; `winner` decides."""

    policy_version: str
    first: dt.date
    last: dt.date | None
    opd_codes: tuple[str, ...]
    winner: str
    because: Literal["later_start", "narrower_scope", "greater_id"]


def conflicts(given: Policy, others: Sequence[Policy], opd_codes: Sequence[str]) -> list[PolicyConflict]:
    """Every other policy that overlaps `given` in dates and scope."""
    found: list[PolicyConflict] = []
    mine = given.content
    for other in others:
        if other.policy_id == given.policy_id:
            continue
        theirs = other.content
        first = max(mine.effective_from, theirs.effective_from)
        ends = [one for one in (mine.effective_to, theirs.effective_to) if one is not None]
        last = min(ends, default=None)
        shared = tuple(code for code in opd_codes if mine.scope.covers(code) and theirs.scope.covers(code))
        if not shared or (last is not None and last < first):
            continue
        winner = in_force((given, other), next(iter(shared)), first)
        assert winner is not None  # noqa: S101 - both hold on that date
        if mine.effective_from != theirs.effective_from:
            because = "later_start"
        else:
            same = mine.scope.all == theirs.scope.all and len(mine.scope.opd_codes) == len(theirs.scope.opd_codes)
            because = "greater_id" if same else "narrower_scope"
        found.append(PolicyConflict(other.label, first, last, shared, winner.label, because))
    return found
