"""Which rules of messages make sense."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.domain.kinds import KINDS, Kind
from services.notifications.domain.rules import Limits, Rule, check, check_limits, recipients_of, shipped
from services.notifications.domain.telling import next_due
from shared.messages import catalogue
from shared.refusals import Invalid


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_shipped_makes_sense(kind: Kind) -> None:
    check(kind, shipped().kinds[kind])
    check_limits(shipped().limits)


@pytest.mark.parametrize(
    ("kind", "given", "field", "code"),
    [
        ("schedule.changed", {"to": ["told"]}, "to.0", "recipient"),
        ("schedule.changed", {"to": ["superior"]}, "to.0", "recipient"),
        ("counter.short", {"to": ["unit_head", "person"]}, "to.1", "recipient"),
        ("counter.short", {"to": ["unit_head", "unit_head"]}, "to.1", "twice"),
        ("counter.short", {"escalate": [{"after_minutes": 5, "to": ["unit_head"]}]}, "escalate.0.to.0", "twice"),
        (
            "counter.short",
            {"escalate": [{"after_minutes": 5, "to": ["subscriber"]}]},
            "escalate.0.to.0",
            "recipient",
        ),
        (
            "counter.short",
            {"escalate": [{"after_minutes": 9, "to": ["opd_head"]}, {"after_minutes": 9, "to": ["city"]}]},
            "escalate.1.after_minutes",
            "later",
        ),
        ("counter.short", {"to": ["unit_head"]}, "channels", "webhook"),
        ("counter.short", {"channels": ["inbox", "push"]}, "channels", "subscriber"),
        ("report.returned", {"channels": ["inbox", "inbox"]}, "channels", "channel_twice"),
        ("report.returned", {"channels": ["webhook"]}, "channels", "webhook"),
        ("report.returned", {"escalate": [{"after_minutes": 5, "to": ["person"]}]}, "escalate", "no_setting"),
        ("report.returned", {"group_minutes": 5}, "group_minutes", "no_setting"),
        ("report.returned", {"at": "07:00"}, "at", "no_setting"),
        ("checkin.missing", {"minutes": None}, "minutes", "minutes"),
        ("reviews.waiting", {"at": None}, "at", "at"),
        ("reviews.waiting", {"at": "07:00:00Z"}, "at", "local"),
        ("reviews.waiting", {"weekday": 1}, "weekday", "no_setting"),
        ("digest.council", {"weekday": None}, "weekday", "weekday"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_by_its_field(
    kind: Kind, given: dict[str, Any], field: str, code: str
) -> None:
    rule = Rule.model_validate({**shipped().kinds[kind].model_dump(), **given})
    with pytest.raises(Invalid) as refused:
        check(kind, rule)
    found = {error.field: error.code for error in refused.value.errors}
    assert found[field] == f"message_rule.{code}"
    assert {f"message_rule.{code}", refused.value.code} <= catalogue().keys()


@pytest.mark.parametrize("field", ["quiet_from", "quiet_until"])
def test_limits_of_another_zone_are_refused(field: str) -> None:
    limits = Limits.model_validate({**shipped().limits.model_dump(), field: "21:00:00+07:00"})
    with pytest.raises(Invalid) as refused:
        check_limits(limits)
    assert [error.field for error in refused.value.errors] == [field]


@given(st.sampled_from(KINDS), st.data())
def test_a_kind_takes_each_of_its_recipients_and_no_other(kind: Kind, data: st.DataObject) -> None:
    everybody = {word for one in KINDS for word in recipients_of(one)}
    to = data.draw(st.lists(st.sampled_from(sorted(everybody)), min_size=1, max_size=8, unique=True))
    asked = "subscriber" in to
    rule = (
        shipped()
        .kinds[kind]
        .model_copy(
            update={"to": tuple(to), "escalate": (), "channels": ("inbox", "webhook") if asked else ("inbox",)}
        )
    )
    if set(to) <= {*recipients_of(kind)}:
        check(kind, rule)
    else:
        with pytest.raises(Invalid):
            check(kind, rule)


def test_steps_are_due_counted_from_the_first_message() -> None:
    rule, since = shipped().kinds["counter.short"], dt.datetime(2025, 11, 6, 7, 10, tzinfo=dt.UTC)
    due = [next_due(rule, since, step) for step in range(3)]
    assert due == [since + dt.timedelta(minutes=10), since + dt.timedelta(minutes=30), None]
