"""When a foreseen shortage is told, and how it stands with what was told."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from services.notifications.domain.alerts import is_due, state_of

EIGHT = dt.datetime(2025, 11, 6, 8, tzinfo=dt.timezone(dt.timedelta(hours=7)))


@given(ahead=st.integers(-60, 60), minutes=st.none() | st.integers(0, 40))
def test_a_shortage_is_told_in_the_last_minutes_before_it_and_never_after(ahead: int, minutes: int | None) -> None:
    due = is_due(EIGHT, EIGHT - dt.timedelta(minutes=ahead), minutes)
    assert due == (ahead > 0 and (minutes is None or ahead <= minutes))


def test_a_short_counter_stands_while_its_own_alert_does() -> None:
    for own, any_alert, state in ((True, True, "short"), (False, True, "over"), (False, False, "over")):
        found = state_of(kind="counter.short", is_told=False, is_alert=own, foreseen=False, alerted=any_alert)
        assert found == state


def test_a_foreseen_shortage_becomes_one_or_is_over() -> None:
    def state(*, is_told: bool, foreseen: bool, alerted: bool = False) -> str:
        return state_of(kind="counter.soon", is_told=is_told, is_alert=False, foreseen=foreseen, alerted=alerted)

    assert state(is_told=True, foreseen=True) == "soon"
    assert state(is_told=True, foreseen=True, alerted=True) == "short"
    assert state(is_told=True, foreseen=False) == "over"
    assert state(is_told=False, foreseen=True) == "over"  # another shortage, of which another message tells
