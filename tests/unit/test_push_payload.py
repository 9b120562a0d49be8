"""What a browser is pushed fits into a push, whatever is told, and names nobody but by its message."""

import datetime as dt
import json
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.channels.calling import LONGEST_WAIT, wait_of
from services.notifications.domain.kinds import KINDS
from services.notifications.views.push import payload, tag_of
from services.notifications.views.wording import Worded
from shared.web_push import MOST_BYTES

NOW = dt.datetime(2025, 11, 6, 9, tzinfo=dt.UTC)
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=300),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9).map(lambda word: word * 900),
    st.text(st.sampled_from('a"\\\n\x01 é😀'), min_size=1, max_size=9).map(lambda word: f"{word} " * 700),
)


@st.composite
def messages(draw: st.DrawFn) -> Worded:
    return Worded(
        notification_id=uuid4(),
        kind=draw(st.sampled_from(KINDS)),
        language=draw(st.sampled_from(("id", "en"))),
        title=draw(TEXTS),
        text=draw(TEXTS),
        why="",
        link=draw(st.none() | st.just("/reporting/app/days/2025-11-06")),
        at=NOW,
        params={"substitutes": [str(UUID(int=7))]},
        subject=draw(st.none() | st.just("dukcapil.loket")),
        acknowledge=draw(st.booleans()),
    )


@given(st.lists(messages(), min_size=1, max_size=30))
def test_every_push_fits_and_says_where_it_leads(told: list[Worded]) -> None:
    raw = payload(told)
    assert len(raw) <= MOST_BYTES
    said = json.loads(raw)
    assert said["link"].startswith("/reporting/")
    assert said["title"] or not told[0].title
    assert said["ids"] == [str(one.notification_id) for one in told[:20]]
    assert str(UUID(int=7)) not in raw.decode()
    assert not (said["acknowledge"] and len(told) > 1)


@given(messages())
def test_what_fits_is_not_cut(message: Worded) -> None:
    said = json.loads(payload([message]))
    if len(message.text) < 600 and len(message.title) <= 200:
        assert (said["text"], said["title"]) == (message.text, message.title)
    else:
        assert len(said["text"]) > 100 or said["text"] == message.text
        assert message.text.startswith(said["text"].removesuffix("…"))


@given(messages(), messages())
def test_one_message_is_known_by_itself_or_by_what_it_is_the_state_of(one: Worded, other: Worded) -> None:
    if tag_of([one]) == tag_of([other]):
        assert one.subject == other.subject is not None
        assert one.kind.partition(".")[0] == other.kind.partition(".")[0]
    assert tag_of([one, other]) == str(one.notification_id)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (None, None),
        ("0", 0),
        ("120", 120),
        ("99999999999999999999", LONGEST_WAIT.total_seconds()),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_WAIT.total_seconds()),
        ("١٢", None),
        ("-5", None),
        ("soon", None),
        ("", None),
    ],
)
def test_how_long_a_server_asks_to_be_left_alone(said: str | None, seconds: float | None) -> None:
    assert wait_of(said) == (None if seconds is None else dt.timedelta(seconds=seconds))
