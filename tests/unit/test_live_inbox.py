"""Who follows an inbox is told each message once for each time it was written, and never too few."""

import datetime as dt
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from services.notifications.store.live import MOST, New
from services.notifications.views.inbox import Message
from services.notifications.views.live import Follower, Live

NOW = dt.datetime(2025, 11, 6, 9, tzinfo=dt.UTC)


def message(notification_id: UUID) -> Message:
    return Message.model_construct(notification_id=notification_id, title="uji", at=NOW)


def told(follower: Follower) -> list[UUID]:
    taken = follower.take()
    return [] if taken is None else [one.notification_id for one in taken[1].items]


@given(st.lists(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), max_size=6), max_size=8))
def test_what_is_looked_at_twice_is_told_once(looks: list[list[tuple[int, int]]]) -> None:
    """Each look brings what was written by a transaction that was open before, or since; some of it again."""
    ids = [uuid4() for _ in range(5)]
    follower, heard = Follower(uuid4(), "id", 0), list[UUID]()
    written: dict[UUID, int] = {}
    for position, look in enumerate(looks):
        for which, later in look:
            written[ids[which]] = position + later  # of a transaction that is open still, or begins now
        new = [New(1, one, by) for one, by in written.items() if by >= (follower.position or 0)]
        before = dict(written)
        follower.hear([(one, message(one.notification_id)) for one in new], len(written), position)
        heard += told(follower)
        assert set(before) <= set(heard)
        follower.hear(
            [(one, message(one.notification_id)) for one in new if one.written_in >= position], 0, position
        )
        assert told(follower) == []


def test_a_change_of_the_number_of_unread_ones_is_told_alone() -> None:
    follower = Follower(uuid4(), "id", None)
    assert follower.take() is None
    for unread, expected in ((2, 2), (2, None), (1, 1)):
        follower.hear([], unread, 5)
        taken = follower.take()
        assert (taken and taken[1].unread) == expected


def test_what_waits_too_long_becomes_an_inbox_to_read_anew() -> None:
    follower = Follower(uuid4(), "id", 0)
    for turn in range(2):
        new = [New(1, uuid4(), 10 + turn) for _ in range(MOST // 2)]
        follower.hear([(one, message(one.notification_id)) for one in new], 7, 10 + turn)
    taken = follower.take()
    assert taken is not None
    assert (taken[1].items, taken[1].reset, taken[1].unread) == ([], True, 7)
    assert follower.take() is None


def test_only_those_who_follow_are_looked_for() -> None:
    live, me, other = Live(), uuid4(), uuid4()
    first, second = Follower(me, "id", None), Follower(other, "en", None)
    live.heard(f"{me},{other}")
    assert not live.wanted.is_set()
    with live.subscription(first), live.subscription(second):
        assert live.stirred(1) == [first]
        assert live.wanted.is_set()
        assert live.stirred(5) == [second]
        assert not live.wanted.is_set()
        live.heard(f"{uuid4()},{other}")
        assert live.stirred(5) == [second]
        live.began()
        assert live.stirred(5) == [first, second]
    live.heard(f"{me},{other}")
    assert live.stirred(5) == []
