"""What people may turn off, and what is never offered."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.domain.kinds import CHANNELS, KINDS, Channel, Kind
from services.notifications.domain.preferences import (
    PERSONAL,
    Muted,
    Wishes,
    concerns,
    is_fixed,
    offered,
    standing,
    wrong_wishes,
)
from services.notifications.domain.rules import Rule, Step, shipped

RULES = shipped()
kinds, channels = st.sampled_from(KINDS), st.sampled_from(CHANNELS)
wishes = st.builds(
    Wishes,
    language=st.sampled_from([None, "id", "en"]),
    muted_channels=st.lists(channels, max_size=2, unique=True).map(tuple),
    muted_kinds=st.lists(kinds, max_size=5, unique=True).map(tuple),
    muted=st.frozensets(st.builds(Muted, kind=kinds, channel=channels), max_size=6),
)


@given(wishes)
def test_what_stands_can_be_asked_for_again_and_mutes_what_was_muted(asked: Wishes) -> None:
    stands = standing(RULES, asked)
    assert wrong_wishes(RULES, stands.muted_kinds, sorted(stands.muted, key=str)) == []
    assert standing(RULES, stands) == stands
    for kind, channel in product(KINDS, PERSONAL):
        if not is_fixed(RULES.kinds[kind], channel):
            assert stands.mute(kind, channel) == asked.mute(kind, channel)


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_inbox_of_a_fixed_kind_cannot_be_turned_off(kind: Kind) -> None:
    refused = {channel for channel in CHANNELS if wrong_wishes(RULES, [], [Muted(kind=kind, channel=channel)])}
    assert refused == ({"inbox"} if RULES.kinds[kind].fixed else set())
    assert bool(wrong_wishes(RULES, [kind], [])) == RULES.kinds[kind].fixed


def test_a_refusal_names_the_place_in_the_list() -> None:
    pairs = [Muted(kind="schedule.new", channel="inbox"), Muted(kind="report.returned", channel="inbox")]
    errors = wrong_wishes(RULES, ["schedule.new", "counter.call"], pairs)
    assert [error.field for error in errors] == ["muted_kinds.1", "muted.1"]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Rule(to=("person",), channels=("inbox", "webhook")), ["inbox"]),
        (Rule(to=("person",), channels=("email", "push")), ["inbox", "email", "push"]),
        (Rule(to=("subscriber",), channels=("email", "webhook")), []),
        (Rule(to=("subscriber",), escalate=(Step(after_minutes=5, to=("city",)),)), ["inbox"]),
        (Rule(to=("person",), on=False), []),
    ],
)
def test_only_channels_of_the_rule_that_reach_people_are_offered(rule: Rule, expected: list[Channel]) -> None:
    assert offered(rule) == expected


def test_a_kind_for_heads_is_for_those_who_lead() -> None:
    counter = RULES.kinds["counter.short"]
    assert concerns(counter, leads=True)
    assert not concerns(counter, leads=False)
    assert concerns(RULES.kinds["schedule.changed"], leads=False)
    assert not concerns(RULES.kinds["digest.council"], leads=True)
    assert not concerns(Rule(to=("person",), on=False), leads=True)
