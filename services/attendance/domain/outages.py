"""Intervals in which the city's own systems failed. An outage makes nobody late."""

from collections.abc import Iterator

from pydantic import ConfigDict

from services.attendance.domain import Exact
from shared.events import Scope
from shared.events.attendance import LONGEST_OUTAGE
from shared.events.base import InstantUTC
from shared.personal import Reason
from shared.refusals import FieldError


class ScopeIn(Scope):
    """Whom an outage excuses, as it will be published; a misspelt field is an error here."""

    model_config = ConfigDict(extra="forbid")


class OutageTerms(Exact):
    """Whom an outage excuses, when, and why."""

    scope: ScopeIn
    starts_at: InstantUTC
    ends_at: InstantUTC
    reason: Reason


def faults(terms: OutageTerms) -> Iterator[FieldError]:
    """What is wrong with an outage that is well written: whom it excuses, and how long it lasts."""
    if not (terms.scope.all or terms.scope.opd_codes or terms.scope.unit_ids):
        yield FieldError("scope", "outage.empty_scope")
    if terms.starts_at >= terms.ends_at:
        yield FieldError("ends_at", "outage.ends_before_start")
    elif terms.ends_at - terms.starts_at > LONGEST_OUTAGE:
        yield FieldError("ends_at", "outage.too_long", {"days": LONGEST_OUTAGE.days})
