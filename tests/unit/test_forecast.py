"""What is foreseen of a counter from its pieces and from who is still to come."""

import datetime as dt
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from services.reporting.domain.counters import Piece, Status
from services.reporting.domain.forecast import AHEAD, CALM, Awaited, Outlook, outlook

MIDNIGHT = dt.datetime(2025, 11, 6, tzinfo=dt.timezone(dt.timedelta(hours=7)))


def at(clock: str) -> dt.datetime:
    hours, minutes = clock.split(":")
    return MIDNIGHT + dt.timedelta(hours=int(hours), minutes=int(minutes))


def status(required: int, present: int) -> Status:
    return "met" if present >= required else "short"


def day(*changes: tuple[str, int, int, Status]) -> list[Piece]:
    """Pieces from (since, required, present, status); closed before the first, the last until midnight."""
    cuts: list[tuple[str, int, int, Status]] = [("00:00", 0, 0, "closed"), *changes]
    ends = [at(since) for since, *_ in cuts[1:]] + [at("24:00")]
    return [
        Piece("u", at(since), until, required, present, present, status)
        for (since, required, present, status), until in zip(cuts, ends, strict=True)
    ]


def awaited(starts: str, ends: str) -> Awaited:
    return Awaited("u", uuid4(), at(starts), at(ends))


EMPTY = day(("8:00", 2, 0, "short"), ("15:00", 0, 0, "closed"))


def test_a_counter_that_opens_in_twenty_minutes_without_people_will_fall_short() -> None:
    assert outlook(EMPTY, [], at("7:40"), said=False) == Outlook(
        "will_fall_short", at("8:00"), 2, 0, at("8:00"), at("15:00")
    )
    early = outlook(EMPTY, [], at("7:39"), said=False)
    assert early == Outlook("holds", at("7:59"), 0, 0)


def test_who_is_to_come_counts_from_their_start_until_their_end() -> None:
    both = [awaited("7:30", "16:00"), awaited("7:50", "12:00")]
    one = outlook(EMPTY, both[:1], at("7:45"), said=False)
    assert one is not None
    assert (one.required, one.expected) == (2, 1)
    assert outlook(EMPTY, both, at("7:45"), said=False) == Outlook("holds", at("8:05"), 2, 2)
    assert outlook(EMPTY, [*both[:1], awaited("8:10", "16:00")], at("7:45"), said=False) == Outlook(
        "will_fall_short", at("8:00"), 2, 1, at("8:00"), at("8:10")
    )


def test_one_person_with_two_plans_is_one() -> None:
    twice = awaited("7:30", "16:00")
    found = outlook(EMPTY, [twice, twice._replace(ends_at=at("20:00"))], at("7:45"), said=False)
    assert found is not None
    assert found.expected == 1


def test_what_is_short_already_is_not_foreseen() -> None:
    assert outlook(EMPTY, [], at("8:00"), said=False) is None
    assert outlook(EMPTY, [], at("9:00"), said=True) is None


def test_in_an_outage_nothing_is_short() -> None:
    down = day(("8:00", 2, 0, "unknown"), ("8:10", 2, 0, "short"), ("15:00", 0, 0, "closed"))
    found = outlook(down, [], at("7:55"), said=False)
    assert found is not None
    assert found.starts_at == at("8:10")


def test_two_shortages_close_together_are_one() -> None:
    gap = day(("8:00", 1, 0, "short"), ("8:10", 0, 0, "closed"), ("8:35", 1, 0, "short"), ("9:00", 0, 0, "closed"))
    for said, expected in ((False, "holds"), (True, "will_fall_short")):
        found = outlook(gap, [], at("8:12"), said=said)
        assert found is not None
        assert found.status == expected
    found = outlook(gap, [], at("8:10") - dt.timedelta(seconds=1), said=True)
    assert found is None  # it is short still


def test_no_end_is_told_where_none_is_known() -> None:
    through = day(("8:00", 1, 0, "short"))
    found = outlook(through, [], at("7:50"), said=False)
    assert found is not None
    assert (found.starts_at, found.ends_at) == (at("8:00"), None)


def test_late_in_the_evening_what_is_known_ends_at_midnight() -> None:
    assert outlook(EMPTY, [], at("23:59"), said=False) == Outlook(
        "holds", at("24:00") - dt.timedelta(microseconds=1), 0, 0
    )


minutes = st.integers(0, 24 * 60 - 1)
staff = st.integers(0, 3)
pieces = st.dictionaries(minutes.filter(bool), st.tuples(staff, staff), max_size=6)
people = st.lists(st.tuples(minutes, st.integers(0, 600)), max_size=4)


@given(cuts=pieces, plans=people, now=minutes, said=st.booleans())
def test_it_agrees_with_looking_at_every_minute(
    cuts: dict[int, tuple[int, int]], plans: list[tuple[int, int]], now: int, said: bool
) -> None:
    def clock(minute: int) -> str:
        return f"{minute // 60}:{minute % 60}"

    changes: list[tuple[str, int, int, Status]] = [
        (clock(minute), required, present, status(required, present))
        for minute, (required, present) in sorted(cuts.items())
    ]
    known = day(*changes)
    to_come = [awaited(clock(begin), clock(begin + length)) for begin, length in plans]

    def lacks(minute: int) -> bool:
        instant = at(clock(minute))
        piece = next(one for one in known if one.from_at <= instant < one.until_at)
        here = piece.present_high + sum(one.starts_at <= instant < one.ends_at for one in to_come)
        return piece.status == "short" and here < piece.required

    found = outlook(known, to_come, at(clock(now)), said=said)
    if any(one.from_at <= at(clock(now)) < one.until_at and one.status == "short" for one in known):
        assert found is None
        return
    span = (AHEAD + (CALM if said else dt.timedelta())) // dt.timedelta(minutes=1)
    short = [minute for minute in range(now + 1, min(now + span, 24 * 60 - 1) + 1) if lacks(minute)]
    assert found is not None
    assert (found.status == "will_fall_short") == bool(short)
    if short:
        over = [minute for minute in range(short[0], 24 * 60) if not lacks(minute)]
        assert found.starts_at == found.at == at(clock(short[0]))
        assert found.ends_at == (at(clock(over[0])) if over else None)
