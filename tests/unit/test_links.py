"""Links in letters say one thing each, and nobody else can say it."""

import base64
import datetime as dt
import hashlib
import hmac
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.domain.kinds import KINDS
from services.notifications.domain.links import (
    LONGEST,
    Acknowledge,
    Confirm,
    End,
    Link,
    Unsubscribe,
    digest,
    read,
    token,
    unsubscribing,
)

NOW = dt.datetime(2025, 11, 6, 7, 10, tzinfo=dt.UTC)
INSTANTS = st.integers(0, 2**32 - 1).map(lambda seconds: dt.datetime.fromtimestamp(seconds, dt.UTC))
LINKS = st.one_of(
    st.builds(Acknowledge, st.uuids(), st.uuids(), INSTANTS),
    st.builds(unsubscribing, st.uuids(), st.sets(st.sampled_from(KINDS), min_size=1)),
    st.builds(Confirm, st.uuids(), st.text(max_size=20).map(digest)),
    st.builds(End, st.uuids()),
)


def tag(said: bytes) -> bytes:
    return hmac.new(b"ours", said, hashlib.sha256).digest()[:16]


def others(said: bytes) -> bytes:
    return hmac.new(b"theirs", said, hashlib.sha256).digest()[:16]


@given(LINKS)
def test_a_link_is_read_as_it_was_written_and_is_not_long(link: Link) -> None:
    written = token(link, tag)
    assert read(written, tag) == link
    assert len(written) <= LONGEST
    assert read(written, others) is None


@given(LINKS, st.integers(0), st.integers(1, 255))
def test_a_changed_byte_makes_it_nobodys(link: Link, place: int, by: int) -> None:
    written = token(link, tag)
    raw = bytearray(base64.urlsafe_b64decode(written + "=" * (-len(written) % 4)))
    raw[place % len(raw)] ^= by
    assert read(base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("="), tag) is None


@given(LINKS, st.integers(0))
def test_a_link_that_was_cut_off_is_nobodys(link: Link, length: int) -> None:
    written = token(link, tag)
    assert read(written[: length % len(written)], tag) is None


@given(st.text(max_size=200))
def test_whatever_else_is_nobodys(text: str) -> None:
    assert read(text, tag) is None


@pytest.mark.parametrize(
    "said", [b"", b"a", b"u" + bytes(16), b"x" + bytes(16), b"c" + bytes(9), b"e" + bytes(15)]
)
def test_what_we_never_say_is_no_link_even_under_our_tag(said: bytes) -> None:
    raw = said + tag(b"link " + said)
    assert read(base64.urlsafe_b64encode(raw).decode().rstrip("="), tag) is None


def test_a_kind_that_is_no_more_is_left_out() -> None:
    said = b"u" + UUID(int=1).bytes + b"schedule.new,old.kind"
    raw = base64.urlsafe_b64encode(said + tag(b"link " + said)).decode().rstrip("=")
    assert read(raw, tag) == Unsubscribe(UUID(int=1), ("schedule.new",))


def test_acknowledging_by_link_ends_after_seven_days() -> None:
    link = Acknowledge(UUID(int=1), UUID(int=2), NOW)
    assert not link.is_old(NOW + dt.timedelta(days=7))
    assert link.is_old(NOW + dt.timedelta(days=7, seconds=1))
