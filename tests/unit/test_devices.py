"""What a device counts, over honest and lying ones, against docs/rules.md#a-punch."""

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.attendance.domain.devices import AGREES, Exchange, Moment, confused, doubt, newest, timing
from services.attendance.domain.punches import OFFSET_AGE, Doubt, Timing

SECOND, MINUTE, HOUR = dt.timedelta(seconds=1), dt.timedelta(minutes=1), dt.timedelta(hours=1)
ME, OTHER = UUID(int=1), UUID(int=2)
NOON = dt.datetime(2025, 11, 6, 5, tzinfo=dt.UTC)
PHONE = Moment("phone", "start-1", 3_600_000, 10)
LAST = Exchange(ME, PHONE, NOON, -2 * MINUTE, NOON)


def after(hours: float, sequence: int = 11, *, boot: str = "start-1", device: str = "phone") -> Moment:
    """A moment so many hours after the last exchange, by the device's count."""
    return Moment(device, boot, PHONE.elapsed_ms + round(hours * 3_600_000), sequence)


def told(
    moment: Moment,
    device_at: dt.datetime | None,
    received_at: dt.datetime,
    *,
    last: Exchange | None = LAST,
    sent: Moment | None = None,
    whose: UUID = ME,
) -> Timing | None:
    doubted = doubt(moment, whose, received_at, last, sent) if last is not None else None
    return timing(moment, device_at, received_at, last, doubted)


def test_what_the_device_counted_since_the_last_exchange_tells_the_time_whatever_its_clock_says() -> None:
    for device_at in (None, NOON + 2 * HOUR):
        found = told(after(2), device_at, NOON + 5 * HOUR)
        assert found == Timing(NOON + 2 * HOUR, "verified")
    lied = told(after(2), NOON - 3 * HOUR, NOON + 5 * HOUR)
    assert lied == Timing(NOON + 2 * HOUR, "verified", ("clock_skew",))


def test_a_count_that_runs_a_little_fast_gives_the_receipt_at_most() -> None:
    found = told(after(2 + 4 / 60), None, NOON + 2 * HOUR)
    assert found == Timing(NOON + 2 * HOUR, "verified")


@pytest.mark.parametrize(
    ("moment", "sent", "why"),
    [
        (after(2, boot="start-2"), None, "other_boot"),
        (after(2, 10), None, "sequence_repeated"),
        (after(2, 9), None, "sequence_repeated"),
        (after(-0.1), None, "elapsed_wrong"),
        (after(5 + 6 / 60), None, "elapsed_wrong"),
        (after(2), after(5, 11), "sequence_repeated"),
        (after(2), after(1, 12), "elapsed_wrong"),
        (after(2), after(4.9, 12), "elapsed_wrong"),
        (after(2), after(5.1, 12), "elapsed_wrong"),
        (after(2), after(5, 12), None),
        (after(2), after(0, 1, boot="start-2"), None),
        (after(2), after(1, 1, device="tablet"), None),
    ],
)
def test_what_cannot_be_told_is_unverified_and_says_why(
    moment: Moment, sent: Moment | None, why: Doubt | None
) -> None:
    found = told(moment, NOON + 2 * HOUR, NOON + 5 * HOUR, sent=sent)
    assert found is not None
    if why is None:
        assert found == Timing(NOON + 2 * HOUR, "verified")
    else:
        # The clock was two minutes ahead of the server's at the last exchange.
        assert found == Timing(NOON + 2 * HOUR - 2 * MINUTE, "unverified", (why,))


def test_another_persons_device_tells_nothing_not_even_how_its_clock_was() -> None:
    found = told(after(2), NOON + 2 * HOUR, NOON + 5 * HOUR, whose=OTHER)
    assert found == Timing(NOON + 2 * HOUR, "unverified", ("clock_unverified", "other_device"))


def test_a_device_that_was_never_connected_is_believed_by_its_clock_or_not_at_all() -> None:
    assert told(after(2), NOON + HOUR, NOON + 5 * HOUR, last=None) == Timing(
        NOON + HOUR, "unverified", ("clock_unverified",)
    )
    assert told(after(2), None, NOON + 5 * HOUR, last=None) is None
    assert told(after(2, 10), None, NOON + 5 * HOUR) is None


@pytest.mark.parametrize(("age", "corrected"), [(OFFSET_AGE, True), (OFFSET_AGE + SECOND, False)])
def test_an_offset_is_as_old_as_the_exchange_that_showed_it(age: dt.timedelta, corrected: bool) -> None:
    found = told(after(2, boot="start-2"), NOON + HOUR, NOON + age)
    assert found is not None
    assert (found.at == NOON + HOUR - 2 * MINUTE) is corrected
    assert ("clock_unverified" in found.flags) is not corrected


def test_moments_handed_over_together_cannot_contradict_each_other() -> None:
    one, two, three = after(1, 11), after(2, 12), after(3, 13)
    assert confused([three, one, two]) == {}
    again = after(2.5, 12)
    assert confused([one, two, again, three]) == {two: "sequence_repeated", again: "sequence_repeated"}
    back = after(0.5, 14)
    assert confused([one, two, three, back]) == {back: "elapsed_wrong"}
    assert confused([one, after(0.5, 12, boot="start-2"), after(0.5, 12, device="tablet")]) == {}


def test_of_exchanges_that_came_together_the_last_of_the_first_person_is_kept() -> None:
    later = Exchange(ME, after(1), NOON + HOUR)
    same_time = Exchange(ME, after(1, 12), NOON + HOUR)
    other = Exchange(OTHER, after(1, 99), NOON + HOUR)
    tablet = Exchange(OTHER, after(0, device="a-tablet"), NOON)
    assert newest([LAST, other, later, tablet, same_time]) == [tablet, same_time]
    assert newest([same_time, later, LAST]) == [same_time]


# ---- a day of a phone, as it was and as it tells it

seconds = st.integers(0, 40 * 3600).map(lambda n: n * SECOND)
lies = st.integers(-10 * 24 * 3600, 10 * 24 * 3600).map(lambda n: n * SECOND)


@dataclass(frozen=True)
class Told:
    """One punch made offline: when it truly was, when it came, and what the phone says."""

    last: Exchange
    true: dt.datetime
    received_at: dt.datetime
    moment: Moment
    sent: Moment | None
    device_at: dt.datetime


@st.composite
def days(draw: st.DrawFn) -> Told:
    """A phone that counts honestly, with a clock that says anything, and goes wrong at any time."""
    started = NOON - draw(seconds)
    exchanged_at = NOON
    true = exchanged_at + draw(seconds)
    received_at = true + draw(seconds)

    def moment(at: dt.datetime, sequence: int) -> Moment:
        return Moment("phone", "start-1", (at - started) // dt.timedelta(milliseconds=1), sequence)

    last = Exchange(ME, moment(exchanged_at, 5), exchanged_at, draw(lies), exchanged_at)
    sent = moment(received_at, 9) if draw(st.booleans()) else None
    return Told(last, true, received_at, moment(true, draw(st.integers(6, 8))), sent, true + draw(lies))


@given(days())
def test_an_honest_count_gives_the_true_time_however_the_clock_lies(day: Told) -> None:
    found = told(day.moment, day.device_at, day.received_at, last=day.last, sent=day.sent)
    assert found is not None
    assert (found.at, found.trust) == (day.true, "verified")


@given(days(), st.integers(0, 2**40), st.integers(0, 12), st.booleans(), st.booleans())
def test_no_lie_puts_a_verified_time_before_the_last_exchange_or_any_time_after_the_receipt(
    day: Told, elapsed_ms: int, sequence: int, same_start: bool, same_person: bool
) -> None:
    lie = Moment("phone", "start-1" if same_start else "start-2", elapsed_ms, sequence)
    whose = ME if same_person else OTHER
    found = told(lie, day.device_at, day.received_at, last=day.last, sent=day.sent, whose=whose)
    assert found is not None
    assert found.at <= day.received_at
    if found.trust == "verified":
        assert same_start
        assert same_person
        assert sequence > day.last.moment.sequence
        assert found.at >= day.last.received_at
    else:
        assert not same_start or not same_person or {"sequence_repeated", "elapsed_wrong"} & set(found.flags)


@given(days(), st.integers(1, 40 * 3600))
def test_a_count_that_stands_still_in_sleep_is_found_out_where_the_handing_over_is_told(
    day: Told, asleep_s: int
) -> None:
    sent = Moment("phone", "start-1", (day.received_at - NOON) // dt.timedelta(milliseconds=1), 9)
    last = Exchange(ME, Moment("phone", "start-1", 0, 5), NOON)
    stood = Moment("phone", "start-1", max(0, sent.elapsed_ms - asleep_s * 1000), 9)
    early = Moment("phone", "start-1", min(stood.elapsed_ms, 1000), 8)
    lost = dt.timedelta(milliseconds=sent.elapsed_ms - stood.elapsed_ms)
    found = told(early, None, day.received_at, last=last, sent=stood)
    assert (found is not None) is (lost <= AGREES)
