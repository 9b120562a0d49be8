"""What there is to tell, before it is known to whom; and to whom, once the words of a rule are looked up."""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.notifications.domain.kinds import Kind
from services.notifications.domain.news import Notice
from services.notifications.domain.params import check
from services.notifications.domain.rules import Recipient, Rule, Rules


@dataclass(frozen=True, slots=True)
class Telling:
    """One thing to tell. The rule of its kind says whom, of those that these fields mean."""

    kind: Kind
    cause: UUID
    """The event it is told of; of what time brings, worked out of kind, thing and date: so it is told once."""
    params: dict[str, Any]
    subject: str | None = None
    """The unit or the outage it is about."""
    people: Sequence[UUID] = ()
    """Whom it is about: `person`; `superior` and `deputy` are theirs, the heads too where no place is named."""
    unit_id: str | None = None
    opd_codes: Sequence[str] | None = ()
    """The OPDs it concerns; None for the whole city."""
    told: Sequence[UUID] = ()
    """Whom it takes something back from."""
    takes_back: UUID | None = None
    """The cause of the message about the same subject that it takes back, from whoever got that."""
    steps: int = 0
    """To how many steps of the rule too."""
    again: bool = False
    """It has been told, and goes to who is found only now; subscribers have heard it."""

    def __post_init__(self) -> None:
        """Raises ValueError for parameters of which the kind's text cannot be made: before it is known to whom."""
        check(self.kind, self.params)

    def words(self, rule: Rule) -> Sequence[Recipient]:
        """The words of the rule that say whom."""
        if not rule.on:
            return ()
        if not self.again:
            return rule.to
        words: list[Recipient] = [*rule.to, *(word for step in rule.escalate[: self.steps] for word in step.to)]
        return [word for word in words if word != "subscriber"]


GIVEN: frozenset[Recipient] = frozenset({"person", "told"})
"""Words whose people the telling itself names."""

Found = Mapping[tuple[int, Recipient], Sequence[UUID]]
"""By place of a telling in its list, and word: the people looked up."""


def addressed(tellings: Sequence[Telling], rules: Rules, found: Found) -> list[Notice]:
    """Notices in the order of the tellings. Whoever is meant by several words of a rule is told once.

    Two tellings of one cause may name somebody twice: what is kept is there once by its id.
    """
    notices: list[Notice] = []
    got: defaultdict[UUID, list[UUID]] = defaultdict(list)
    kept = {telling.takes_back for telling in tellings if telling.takes_back}
    for nth, telling in enumerate(tellings):
        words = telling.words(rules.kinds[telling.kind])
        told = set[UUID]()
        for word in words:
            people = _meant(word, telling, found.get((nth, word), ()), got)
            if len(words) > 1:
                people = [one for one in dict.fromkeys(people) if one not in told]
                told.update(people)
            outside = word == "subscriber"
            kind, cause, params, subject = telling.kind, telling.cause, telling.params, telling.subject
            notices += [Notice(one, kind, cause, params, subject, outside) for one in people]
            if kept and not outside and cause in kept:
                got[cause] += people
    return notices


def _meant(
    word: Recipient, telling: Telling, found: Sequence[UUID], got: Mapping[UUID, Sequence[UUID]]
) -> Sequence[UUID]:
    """Whom a word means. What is taken back may be told in this very batch (`got`), not yet written."""
    if word == "person":
        return telling.people
    if word == "told":
        before = got.get(telling.takes_back, ()) if telling.takes_back else ()
        return (*telling.told, *before, *found)
    return found


@dataclass(frozen=True, slots=True)
class Waits:
    """How it stands with what waits for somebody to see to it: `step` steps told, the next one at `due_at`."""

    step: int
    due_at: dt.datetime | None
    acknowledged_at: dt.datetime | None
    ended_at: dt.datetime | None

    @property
    def open(self) -> bool:
        """Whether it still waits."""
        return self.ended_at is None


def next_due(rule: Rule, since: dt.datetime, step: int) -> dt.datetime | None:
    """When the step after `step` told ones is due; None where there is none."""
    if step >= len(rule.escalate):
        return None
    return since + dt.timedelta(minutes=rule.escalate[step].after_minutes)
