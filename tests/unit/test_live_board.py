"""The live board in memory: counting on as time passes is counting afresh, and only news makes a frame."""

import datetime as dt
from bisect import bisect_right
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.domain.counters import CounterDay, Piece, Point, Standing
from services.reporting.domain.figures import Counted, States
from services.reporting.store import live as rows
from services.reporting.store.live import PersonSteps
from services.reporting.store.notices import Changed
from services.reporting.store.steps import Counter as CounterDate
from services.reporting.views import live, today
from services.reporting.views.figures import Board, Reader
from services.reporting.views.live import SETTLE_S, SPACING_S, Live
from services.reporting.views.today import EVERYTHING_AFTER_S, Tally, Today

DATE = dt.date(2025, 11, 6)
MORNING = dt.datetime(2025, 11, 6, 0, 0, tzinfo=dt.UTC)  # 07:00 in Bekasi


def at(minute: int) -> dt.datetime:
    return MORNING + dt.timedelta(minutes=minute)


def steps(n: int, since: Sequence[int], codes: Sequence[int], opd: str = "A") -> PersonSteps:
    return PersonSteps(UUID(int=n), opd, "WFO", [at(minute) for minute in since], list(codes))


@st.composite
def people(draw: st.DrawFn) -> PersonSteps:
    since = sorted(draw(st.sets(st.integers(0, 60), max_size=4)))
    codes = draw(st.lists(st.integers(0, 3), min_size=len(since) + 1, max_size=len(since) + 1))
    return steps(draw(st.integers(1, 6)), since, codes, draw(st.sampled_from("AB")))


def counted(held: Collection[PersonSteps], now: dt.datetime) -> dict[str, Counted]:
    """Everyone afresh."""
    found: dict[str, Counter[States]] = {}
    for one in held:
        found.setdefault(one.opd_code, Counter())[one.states(bisect_right(one.since, now))] += 1
    return {code: Counted(counts) for code, counts in found.items()}


@given(
    st.lists(st.tuples(st.integers(0, 20), st.lists(people(), max_size=3), st.sets(st.integers(1, 6), max_size=2)))
)
def test_counting_on_is_counting_afresh_whoever_comes_changes_and_goes(
    moves: list[tuple[int, list[PersonSteps], set[int]]],
) -> None:
    tally, held, minute = Tally(), dict[UUID, PersonSteps](), 0
    for later, come, gone in moves:
        minute += later
        tally.put(come, at(minute))
        held |= {one.employee_id: one for one in come}
        for n in gone:
            tally.drop(UUID(int=n))
            held.pop(UUID(int=n), None)
        tally.pass_to(at(minute))
        assert tally.people() == counted(held.values(), at(minute))
        due = [since for one in held.values() for since in one.since if since > at(minute)]
        told = tally.next_at()
        assert told is None or told > at(minute)
        assert told is not None or not due
        assert not due or (told is not None and told <= min(due)), "else a step would be shown late"


def test_an_opd_of_which_nobody_changed_keeps_its_figures_and_is_not_counted_again() -> None:
    tally = Tally()
    tally.put([steps(1, [10], [0, 1], "A"), steps(2, [20], [0, 1], "B")], at(0))
    before = tally.people()
    tally.pass_to(at(10))
    after = tally.people()
    assert after["B"] is before["B"]
    assert after["A"] != before["A"]


# Today: what is read, and when


def point(unit_id: str) -> Point:
    return Point(unit_id, unit_id, "A", 0.9)


def counter(unit_id: str, *, short_from: int, exact_from: int = -420, is_afresh: bool = False) -> rows.Counter:
    midnight, edge, end = at(-420), at(short_from), at(1020)
    pieces = [Piece(unit_id, midnight, edge, 1, 1, 1, "met"), Piece(unit_id, edge, end, 1, 0, 0, "short")]
    return rows.Counter(point(unit_id), CounterDay(pieces), [midnight, edge], at(exact_from), is_afresh)


class City:
    """The rows beneath the board, and what was asked of them."""

    def __init__(self) -> None:
        self.people: dict[UUID, PersonSteps] = {}
        self.counters: dict[str, rows.Counter] = {}
        self.asked: list[object] = []
        self.error: Exception | None = None

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[object]:
        if self.error is not None:
            raise self.error
        yield self

    def put(self, *some: PersonSteps) -> None:
        self.people |= {one.employee_id: one for one in some}

    async def people_among(
        self, _: object, date: dt.date, among: Collection[UUID] | None = None
    ) -> list[PersonSteps]:
        if among is None:
            self.asked.append("everyone")
            return list(self.people.values())
        self.asked.append({one.int for one in among})
        return [self.people[one] for one in among if one in self.people]

    async def points_afresh(
        self, _: object, date: dt.date, now: dt.datetime, among: Collection[str] | None = None
    ) -> list[rows.Counter]:
        self.asked.append("every point" if among is None else ("afresh", *among))
        return [one for unit_id, one in self.counters.items() if among is None or unit_id in among]

    async def points(self, _: object, date: dt.date, among: Collection[str]) -> list[rows.Counter]:
        self.asked.append(set(among))
        return [self.counters[one] for one in among if one in self.counters]

    async def opd_names(self, _: object) -> dict[str, str]:
        return {"A": "Dinas A"}

    async def standings(
        self, _: object, date: dt.date, now: dt.datetime, *, unit_ids: Collection[str]
    ) -> list[Standing]:
        self.asked.append(("now", *unit_ids))
        return [self.counters[one].day.at(point(one), now)._replace(status="unknown") for one in unit_ids]

    def looked(self) -> list[object]:
        asked, self.asked = self.asked, []
        return asked


class Hands:
    """Python's `time`, on hands that a test turns."""

    def __init__(self) -> None:
        self.now = 10_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    hands = Hands()
    monkeypatch.setattr(today, "time", hands)
    monkeypatch.setattr(live, "time", hands)
    return hands


@pytest.fixture
def city(monkeypatch: pytest.MonkeyPatch, hands: Hands) -> Any:
    city = City()
    city.put(steps(1, [30], [0, 1]), steps(2, [90], [0, 1]))
    city.counters = {"U": counter("U", short_from=60)}
    monkeypatch.setattr(today.live, "people", city.people_among)
    monkeypatch.setattr(today.live, "points_afresh", city.points_afresh)
    monkeypatch.setattr(today.live, "points", city.points)
    monkeypatch.setattr(today.figures, "opd_names", city.opd_names)
    monkeypatch.setattr(today.counters, "standings", city.standings)
    return city


def shown(board: Board) -> tuple[dict[str, Counted], list[str]]:
    return dict(board.people), [standing.status for standing in board.counters]


async def test_time_alone_moves_the_board_without_a_question_to_the_database(city: Any) -> None:
    board = Today(city)
    await board.look(at(0))
    assert city.looked() == ["everyone", "every point"]
    for minute, edge in ((0, 30), (30, 60), (60, 90)):
        assert shown(await board.look(at(minute))) == (
            counted(city.people.values(), at(minute)),
            ["short" if minute >= 60 else "met"],
        )
        assert board.next_at() == at(edge)
    await board.look(at(90))
    assert board.next_at() is None
    assert city.looked() == []


async def test_only_what_a_notice_names_is_read_again(city: Any) -> None:
    board = Today(city)
    await board.look(at(0))
    city.looked()
    city.put(steps(1, [], [2]), steps(2, [], [3]))
    assert board.hear(Changed(DATE, [UUID(int=1)], ()), at(1))
    looked = await board.look(at(1))
    assert city.looked() == [{1}]
    assert looked.people == counted([steps(1, [], [2]), steps(2, [90], [0, 1])], at(1))


async def test_whoever_has_no_plan_any_more_is_counted_no_more(city: Any) -> None:
    board = Today(city)
    await board.look(at(0))
    del city.people[UUID(int=1)], city.counters["U"]
    board.hear(Changed(DATE, [UUID(int=1)], [CounterDate(DATE, "U")]), at(1))
    assert shown(await board.look(at(1))) == (counted(city.people.values(), at(1)), [])


async def test_what_is_of_another_date_is_no_news(city: Any) -> None:
    board, yesterday = Today(city), DATE - dt.timedelta(days=1)
    await board.look(at(0))
    city.looked()
    assert not board.hear(Changed(yesterday, [UUID(int=1)], [CounterDate(yesterday, "U")]), at(1))
    await board.look(at(1))
    assert city.looked() == []


@pytest.mark.parametrize(
    ("changed", "asked"),
    [(Changed(DATE, None, ()), ["everyone"]), (Changed(None, (), None), ["every point"])],
    ids=["people", "counters"],
)
async def test_too_many_to_name_is_everyone_of_that_kind(city: Any, changed: Changed, asked: list[object]) -> None:
    board = Today(city)
    await board.look(at(0))
    city.looked()
    assert board.hear(changed, at(1))
    assert board.hear(Changed(DATE, [], [])._replace(counters=()), at(1)) is False
    await board.look(at(1))
    assert city.looked() == asked


@pytest.mark.parametrize("why", ["forgotten", "another date", "the clock was set back", "an hour has passed"])
async def test_everything_is_read_again_when_what_is_remembered_may_be_wrong(
    city: Any, hands: Hands, why: str
) -> None:
    board, minute = Today(city), 1
    await board.look(at(0))
    city.looked()
    if why == "forgotten":
        board.forget()
    elif why == "another date":
        minute = 24 * 60
        city.counters.clear()
    elif why == "the clock was set back":
        minute = -1
    else:
        hands.now += EVERYTHING_AFTER_S + 1
    assert (await board.look(at(minute))).people == counted(city.people.values(), at(minute))
    assert city.looked() == ["everyone", "every point"]


async def test_what_could_not_be_read_is_read_the_next_time(city: Any) -> None:
    board = Today(city)
    await board.look(at(0))
    board.hear(Changed(DATE, [UUID(int=1)], ()), at(1))
    city.error = ConnectionError("the database is away")
    with pytest.raises(ConnectionError):
        await board.look(at(1))
    city.error = None
    city.put(steps(1, [], [2]))
    assert (await board.look(at(2))).people == counted(city.people.values(), at(2))


async def test_a_point_written_by_a_clock_ahead_of_ours_is_asked_for_until_ours_is_there(city: Any) -> None:
    city.counters["U"] = counter("U", short_from=60, exact_from=10)
    board = Today(city)
    for minute, status in ((0, "unknown"), (9, "unknown"), (10, "met")):
        assert [one.status for one in (await board.look(at(minute))).counters] == [status]


@pytest.mark.parametrize("ahead", [True, False])
async def test_a_point_shown_before_its_row_held_it_is_counted_afresh_and_not_taken_back_by_the_row(
    city: Any, ahead: bool
) -> None:
    city.counters["U"] = counter("U", short_from=60, is_afresh=ahead)
    board = Today(city)
    await board.look(at(0))
    city.looked()
    board.hear(Changed(None, (), [CounterDate(DATE, "U")]), at(1))
    await board.look(at(1))
    assert (("afresh", "U") in city.looked()) == ahead


async def test_a_notice_that_is_heard_while_everything_is_to_be_read_leaves_it_so(city: Any) -> None:
    board = Today(city)
    assert board.hear(Changed(DATE, [UUID(int=1)], [CounterDate(DATE, "U")]), at(0))
    await board.look(at(0))
    assert city.looked() == ["everyone", "every point"]


# Frames


def board_of(minute: int, code: int = 0, status: Any = "met") -> Board:
    standing = counter("U", short_from=900).day.at(point("U"), at(minute))._replace(status=status)
    return Board(DATE, at(minute), counted([steps(1, [], [code])], at(minute)), [standing], {"A": "Dinas A"})


def versions(board: Live) -> dict[str, int]:
    frames = {view: board.frame(view) for view in live.VIEWS}
    return {view: frame.version for view, frame in frames.items() if frame is not None}


def test_the_first_news_after_a_silence_is_shown_at_once_and_the_next_after_its_spacing(hands: Hands) -> None:
    board = Live()
    with board.subscription() as news:
        board.publish(board_of(0))
        first = versions(board)
        assert set(first) == set(live.VIEWS)
        hands.now += 1
        news.clear()
        board.publish(board_of(1, code=1))
        second = versions(board)
        assert second["city"] > first["city"]
        assert second["units"] == first["units"], "nobody's count of a service point changed"
        assert news.is_set()
        hands.now += SPACING_S["city"] / 2
        news.clear()
        again = board.publish(board_of(1, code=2))
        assert versions(board) == second
        assert not news.is_set()
        assert again == pytest.approx(SPACING_S["city"] / 2)
        hands.now += again
        board.publish(board_of(1, code=2))
        assert versions(board)["city"] > second["city"]


def test_what_only_lasts_longer_makes_a_frame_once_in_a_while(hands: Hands) -> None:
    board = Live()
    with board.subscription():
        assert board.publish(board_of(0)) == SETTLE_S
        first = versions(board)
        hands.now += SETTLE_S - 1
        assert board.publish(board_of(1)) == 1
        assert versions(board) == first
        hands.now += 1
        board.publish(board_of(2))
        assert min(versions(board).values()) > max(first.values())


def test_another_past_of_a_service_point_is_news_though_it_stands_as_it_did(hands: Hands) -> None:
    board = Live()
    with board.subscription():
        board.publish(board_of(0))
        first = versions(board)
        hands.now += 1
        board.publish(replace(board_of(0), counted=1))
        assert min(versions(board).values()) > max(first.values())


async def test_what_was_counted_anew_is_told_apart_from_what_only_lasts_longer(city: Any) -> None:
    city.counters["U"] = counter("U", short_from=60)
    board = Today(city)
    before = (await board.look(at(0))).counted
    assert (await board.look(at(1))).counted == before
    board.hear(Changed(None, (), [CounterDate(DATE, "U")]), at(2))
    assert (await board.look(at(2))).counted != before


def test_whoever_comes_after_all_had_left_is_not_shown_the_past(hands: Hands) -> None:
    board = Live()
    with board.subscription():
        board.publish(board_of(0))
    assert not board.followed
    board.publish(board_of(0))  # it was under way when they left
    board.wanted.clear()
    with board.subscription():
        assert board.wanted.is_set()
        assert versions(board) == {}


def test_everyone_is_woken_and_one_who_leaves_takes_nobody_with_them(hands: Hands) -> None:
    board = Live()
    with board.subscription() as stays:
        with board.subscription() as leaves:
            board.publish(board_of(0))
            assert stays.is_set()
            assert leaves.is_set()
        assert board.followed
        assert versions(board)


def test_a_frame_says_to_each_reader_what_is_theirs_and_is_encoded_once_for_each(hands: Hands) -> None:
    board = Live()
    with board.subscription():
        whole = board_of(0)
        both = replace(whole, people={**whole.people, "B": whole.people["A"]}, opd_names={"A": "A", "B": "B"})
        board.publish(both)
        frame = board.frame("opds")
        assert frame is not None
        city, head = Reader(("city", "opds", "units")), Reader(("opds", "units"), "B")
        assert b'"opd_code":"A"' in frame.encoded(city)
        assert b'"opd_code":"A"' not in frame.encoded(head)
        assert b'"opd_code":"B"' in frame.encoded(head)
        assert frame.encoded(head) is frame.encoded(Reader(("opds", "units"), "B"))
