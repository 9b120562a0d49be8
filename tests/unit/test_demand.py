"""A counter's half hours: what is taken of a file or a machine, and what is shown of it."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.domain import erlang
from services.reporting.domain.counters import Piece, Status
from services.reporting.domain.demand import Demand, DemandIn, SlotIn, Taker, half_hours, of_date, read
from shared import csvfile
from shared.csvfile import Rejected
from shared.refusals import Invalid
from tests.kit.reporting import DAY, at

TAKER = Taker({"L1": "1.01", "L2": "4.01"}, None, at("12:00"), dt.date(2025, 1, 1))
HEADER = "unit_id,from,arrivals,mean_service_seconds,target_seconds\n"


def taken(*rows: str, taker: Taker = TAKER) -> list[Demand]:
    return read(csvfile.read((HEADER + "\n".join(rows) + "\n").encode(), csvfile_columns()), taker)


def csvfile_columns() -> tuple[str, ...]:
    return tuple(HEADER.strip().split(","))


def wrong(*rows: str, taker: Taker = TAKER) -> list[tuple[int, str, str]]:
    with pytest.raises(Rejected) as rejected:
        taken(*rows, taker=taker)
    return [(error.row, error.column, error.code) for error in rejected.value.errors]


def piece(status: Status, begins: str, ends: str, *, required: int = 2, low: int = 1, high: int = 2) -> Piece:
    return Piece("L1", at(begins), at(ends), required, low, high, status)


def test_a_half_hour_is_read_in_local_time_or_with_its_offset() -> None:
    ways = ["2025-11-06 08:30", "2025-11-06T08:30", "2025-11-06T08:30:00", "2025-11-06T01:30:00Z"]
    ways.append("2025-11-06T08:30:00+07:00")
    for way in ways:
        assert taken(f"L1,{way},12,300,600") == [Demand("L1", at("08:30"), 12, 300, 600)]
    assert taken('L1,2025-11-06 08:30,12,"299,5",600')[0].mean_service_seconds == 299.5


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        ("L9,2025-11-06 08:30,1,300,600", "unit_id", "demand.unit_unknown"),
        ("L1,2025-11-06 08:15,1,300,600", "from", "demand.half_hour"),
        ("L1,2025-11-06,1,300,600", "from", "demand.half_hour"),
        ("L1,08:30,1,300,600", "from", "demand.half_hour"),
        ("L1,2025-02-30 08:30,1,300,600", "from", "demand.half_hour"),
        ("L1,2025-11-06 0\u0668:30,1,300,600", "from", "demand.half_hour"),
        ("L1,2025-11-06T08:30:00+07:15,1,300,600", "from", "demand.half_hour"),
        ("L1,2025-11-06 12:00,1,300,600", "from", "demand.not_over"),
        ("L1,2024-12-31 08:30,1,300,600", "from", "demand.too_old"),
        ("L1,2025-11-06 08:30,-1,300,600", "arrivals", "import.whole"),
        ("L1,2025-11-06 08:30,1.5,300,600", "arrivals", "import.whole"),
        ("L1,2025-11-06 08:30,1,0,600", "mean_service_seconds", "import.number"),
        ("L1,2025-11-06 08:30,1,9000,600", "mean_service_seconds", "import.number"),
        ("L1,2025-11-06 08:30,1,,600", "mean_service_seconds", "import.required"),
        ("L1,2025-11-06 08:30,1,300,", "target_seconds", "import.required"),
        ("L1,2025-11-06 08:30,3000,3600,600", "mean_service_seconds", "demand.too_much"),
    ],
)
def test_a_wrong_cell_is_named(row: str, column: str, code: str) -> None:
    assert wrong("L1,2025-11-06 08:00,1,300,600", row) == [(3, column, code)]


def test_a_half_hour_stands_once_in_a_file_and_an_opd_feeds_its_own_counters() -> None:
    twice = "L1,2025-11-06 08:30,1,300,600"
    assert wrong(twice, twice) == [(3, "from", "import.twice")]
    own = TAKER._replace(own="4.01")
    assert wrong(twice, "L2,2025-11-06 08:30,1,300,600", taker=own) == [(2, "unit_id", "demand.other_opd")]


def test_a_date_names_what_it_cannot_take() -> None:
    def slot(clock: str, **more: Any) -> SlotIn:
        given = {"from": clock, "arrivals": 1, "mean_service_seconds": 300, "target_seconds": 600, **more}
        return SlotIn.model_validate(given)

    good = DemandIn(items=[slot("08:00"), slot("11:30")])
    assert [one.from_at for one in of_date("L1", DAY, good, TAKER)] == [at("08:00"), at("11:30")]
    bad = DemandIn(items=[slot("08:00"), slot("08:00"), slot("12:00"), slot("09:00", arrivals=5000)])
    bad = bad.model_copy(
        update={"items": [*bad.items[:3], slot("09:00", arrivals=5000, mean_service_seconds=7200)]}
    )
    with pytest.raises(Invalid) as refused:
        of_date("L1", DAY, bad, TAKER)
    assert [(error.field, error.code) for error in refused.value.errors] == [
        ("items.1.from", "demand.twice"),
        ("items.2.from", "demand.not_over"),
        ("items.3.mean_service_seconds", "demand.too_much"),
    ]


def test_a_half_hour_is_averaged_over_its_opening_time() -> None:
    day = [
        piece("closed", "00:00", "08:10", required=0, low=0, high=0),
        piece("short", "08:10", "08:20", required=3, low=1, high=1),
        piece("met", "08:20", "12:00", required=3, low=3, high=4),
    ]
    slots = half_hours(DAY, day, {}, 0.8)
    assert len(slots) == 48
    first = slots[16]
    assert (first.from_at, first.until_at) == (at("08:00"), at("08:30"))
    assert (first.open_seconds, first.short_seconds, first.required) == (1200, 600, 3)
    assert (first.present_low, first.present_high) == (2, 2.5)
    assert (first.arrivals, first.load, first.needed, first.within_low) == (None, None, None, None)
    assert (slots[15].open_seconds, slots[15].required, slots[15].present_low) == (0, None, None)


def test_who_was_there_is_set_beside_who_was_needed() -> None:
    # 100 in half an hour of three minutes each: ten erlangs; 14 are needed for 80 % in 20 seconds.
    demand = {
        at("08:00"): Demand("L1", at("08:00"), 100, 180, 20),
        at("08:30"): Demand("L1", at("08:30"), 0, 180, 20),
    }
    day = [
        piece("short", "08:00", "08:15", required=14, low=10, high=12),
        piece("met", "08:15", "09:00", required=14, low=14, high=14),
    ]
    slots = half_hours(DAY, day, demand, 0.8)
    one = slots[16]
    assert (one.load, one.needed) == (10, 14)
    assert one.within_required == erlang.within(10, 14, 180, 20)
    # For half of the time the queue only grew.
    assert one.within_low == erlang.within(10, 14, 180, 20) / 2
    assert one.within_high == (erlang.within(10, 14, 180, 20) + erlang.within(10, 12, 180, 20)) / 2
    nobody = slots[17]
    assert (nobody.arrivals, nobody.load, nobody.needed, nobody.within_low) == (0, 0, 0, None)
    closed = half_hours(DAY, [piece("closed", "08:00", "09:00")], demand, 0.8)[16]
    assert (closed.needed, closed.within_low, closed.present_low) == (14, None, None)


@given(
    st.lists(st.tuples(st.sampled_from(["met", "short", "unknown", "closed"]), st.integers(1, 200)), max_size=9)
)
def test_half_hours_add_up_to_the_date(parts: list[tuple[Status, int]]) -> None:
    begins, day = at("00:00"), list[Piece]()
    for status, minutes in parts:
        ends = begins + dt.timedelta(minutes=minutes)
        if ends <= at("00:00") + dt.timedelta(days=1):
            day.append(piece("met", "00:00", "00:00")._replace(from_at=begins, until_at=ends, status=status))
            begins = ends
    slots = half_hours(DAY, day, {}, 0.8)
    seconds = {
        status: sum((one.until_at - one.from_at).total_seconds() for one in day if one.status == status)
        for status in ("met", "short", "unknown")
    }
    assert sum(one.open_seconds for one in slots) == sum(seconds.values())
    assert sum(one.short_seconds for one in slots) == seconds["short"]
