"""What a terminal's line says, by example and for all of them."""

# ruff: noqa: E501 - lines of terminals read best whole

import datetime as dt
from itertools import permutations
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.attendance.commands import attlog
from services.attendance.domain import taps, terminals
from services.attendance.domain.taps import Clock, Contact
from shared.csvfile import Rejected
from shared.events import Place, PunchKind

NOW = dt.datetime(2025, 11, 6, 0, 30, tzinfo=dt.UTC)
MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)
LOCAL = dt.datetime(2025, 11, 6, 7, 25)  # noqa: DTZ001 - a display's time


def only(body: bytes, serial: str = "A-1") -> taps.Line:
    (line,) = taps.pushed(serial, NOW, body)
    return line


@pytest.mark.parametrize(
    "body",
    [
        b"7\t2025-11-06 07:25:00\t0\t1\t0\t0\t0\n",
        b"7\t2025-11-06 07:25:00\t0\r\n",
        b"   7\t2025-11-06 7:25:00\t0\t15",
        b"7\t2025/11/06 07:25\t00\t255\t\t\n\n",
        b"\r\n7\t2025-11-06T07:25:00\t0",
    ],
)
def test_the_same_tap_has_one_id_however_it_is_written(body: bytes) -> None:
    line = only(body)
    assert (line.pin, line.local, line.state) == ("7", LOCAL, "0")
    assert line.line_id == only(b"7\t2025-11-06 07:25:00\t0").line_id


def test_whatever_differs_in_what_was_sent_is_another_tap() -> None:
    lines = [
        only(b"7\t2025-11-06 07:25:00\t0"),
        only(b"07\t2025-11-06 07:25:00\t0"),
        only(b"8\t2025-11-06 07:25:00\t0"),
        only(b"7\t2025-11-06 07:25:01\t0"),
        only(b"7\t2025-11-06 07:25:00\t1"),
        only(b"7\t2025-11-06 07:25:00\t0", serial="A-2"),
        only(b"nonsense"),
        only(b"nonsense "),
        only(b"nonsense", serial="A-2"),
    ]
    assert len({line.line_id for line in lines}) == len(lines)


@pytest.mark.parametrize(
    "body",
    [
        b"7",
        b"7\t2025-11-06 07:25:00",
        b"7\t2025-02-30 07:25:00\t0",
        b"7\t06/11/2025 07:25:00\t0",
        b"7\t2025-11-06 24:00:00\t0",
        b"7\t0001-01-01 00:00:00\t0",
        b"7\t9999-12-31 23:59:59\t0",
        b"7\t2025-11-06 07:25:00\tin",
        b"7\t2025-11-06 07:25:00\t-1",
        b"x\t2025-11-06 07:25:00\t0",
        b"1234567890123456789012345\t2025-11-06 07:25:00\t0",
        "٧\t2025-11-06 07:25:00\t0".encode(),
        "7\t２０２５-11-06 07:25:00\t0".encode(),
        b"\x00\xff\x01",
    ],
)
def test_what_cannot_be_read_is_kept_as_it_stands_and_says_nothing(body: bytes) -> None:
    line = only(body)
    assert (line.pin, line.local, line.state) == (None, None, None)
    assert line.raw
    assert "\x00" not in line.raw


@given(st.binary(max_size=2000))
def test_no_bytes_break_the_reading(body: bytes) -> None:
    for line in taps.pushed("A-1", NOW, body):
        assert len(line.raw) <= taps.LONGEST
        assert not any(one < " " and one != "\t" for one in line.raw)
        line.raw.encode()
    taps.operated(body)


def test_of_operations_only_the_times_are_read() -> None:
    body = b"OPLOG 4\t0\t2025-11-06 07:25:00\t0\t0\r\nUSER PIN=1\tName=Budi\nOPLOG 0\t0\t9999-99-99 00:00:00\t0\nOPLOG"
    assert taps.operated(body) == [LOCAL]


@pytest.mark.parametrize("offset", [420, 480, 540, -210, 0])
def test_a_display_is_read_in_its_own_zone(offset: int) -> None:
    zone = dt.timezone(offset * MINUTE)
    assert taps.instant(LOCAL, offset) == LOCAL.replace(tzinfo=zone)


CLOCKS = [
    ("sent at once", -2 * dt.timedelta(seconds=1), None, True),
    ("a minute late", -MINUTE, None, True),
    ("a minute fast", MINUTE, None, True),
    ("more than that is fast", MINUTE + dt.timedelta(seconds=1), None, False),
    ("an old line says nothing", -HOUR, None, None),
    ("nor one from before it was within reach", -HOUR, Contact(NOW - 30 * MINUTE, NOW), None),
    ("nor one that the last call may have missed", -2 * MINUTE, Contact(NOW - HOUR, NOW - MINUTE), None),
    ("one that it would have sent is slow", -10 * MINUTE, Contact(NOW - HOUR, NOW - MINUTE), False),
    ("one that lost its time is wrong", -25 * 365 * DAY, None, False),
]


@pytest.mark.parametrize(("ahead", "contact", "agrees"), [case[1:] for case in CLOCKS], ids=[c[0] for c in CLOCKS])
def test_what_the_newest_time_of_a_message_says_of_the_clock(
    ahead: dt.timedelta, contact: Contact | None, agrees: bool | None
) -> None:
    before = Clock(NOW - 3 * DAY)
    after = taps.compared(before, NOW + ahead, NOW, contact)
    if agrees is None:
        assert after == before
    else:
        assert (after.compared_at, after.ahead) == (NOW, ahead)
        assert after.vouches_for(NOW + MINUTE * 2) is agrees


def test_a_clock_vouches_for_a_day_around_the_comparison_and_for_nothing_told_while_it_was_wrong() -> None:
    clock = Clock(NOW)
    assert all(clock.vouches_for(NOW + by) for by in (-DAY, -HOUR, HOUR, DAY))
    assert not any(clock.vouches_for(NOW + by) for by in (-DAY - MINUTE, DAY + MINUTE))
    wrong = taps.compared(clock, NOW + 3 * MINUTE, NOW, None)
    mended = taps.compared(wrong, NOW + HOUR, NOW + HOUR, None)
    assert [mended.vouches_for(NOW + by) for by in (-HOUR, 3 * MINUTE, 4 * MINUTE)] == [False, False, True]
    assert not Clock().vouches_for(NOW)


@given(
    st.timedeltas(min_value=-60 * DAY, max_value=5 * MINUTE),
    st.timedeltas(min_value=-2 * DAY, max_value=2 * DAY),
    st.timedeltas(min_value=-10 * MINUTE, max_value=10 * MINUTE),
    st.booleans(),
)
def test_no_time_is_after_its_receipt_and_none_is_verified_that_nobody_believes(
    age: dt.timedelta, seen: dt.timedelta, ahead: dt.timedelta, believed: bool
) -> None:
    clock, at = Clock(NOW + seen, ahead), NOW + age
    timing = taps.timing(at, NOW, clock, believed=believed)
    assert timing.at == min(at, NOW)
    assert (timing.trust == "verified") == believed
    assert ("clock_unverified" in timing.flags) == (timing.trust == "unverified")
    assert ("clock_skew" in timing.flags) == (abs(ahead) > 5 * MINUTE)


def test_one_time_far_ahead_does_not_condemn_a_clock_for_ever() -> None:
    wrong = taps.compared(Clock(NOW), NOW + 70 * 365 * DAY, NOW, None)
    mended = taps.compared(wrong, NOW + HOUR, NOW + HOUR, None)
    assert [mended.vouches_for(NOW + by) for by in (5 * MINUTE, 6 * MINUTE)] == [False, True]


@given(
    st.from_regex(
        r"[0-9]{1,3}\t[0-9]{4}-[01][0-9]-[0-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-5][0-9]\t[0-9]", fullmatch=True
    )
)
def test_every_time_that_is_read_can_be_an_instant_and_be_compared(text: str) -> None:
    for line in taps.pushed("A-1", NOW, text.encode()):
        if line.local is not None:
            for offset in (-720, 420, 840):
                newest = taps.instant(line.local, offset)
                taps.timing(newest, NOW, taps.compared(Clock(), newest, NOW, None), believed=False)
                taps.wrong_time(line.local, newest, NOW, NOW)


def test_which_times_can_be_no_punch() -> None:
    def wrong(local: dt.datetime, commissioned: dt.datetime = NOW - DAY) -> str | None:
        return taps.wrong_time(local, taps.instant(local, 420), NOW, commissioned)

    assert wrong(LOCAL) is None
    assert wrong(dt.datetime(2000, 1, 1, 7)) == "unset_clock"  # noqa: DTZ001
    assert wrong(LOCAL + 10 * MINUTE) is None
    assert wrong(LOCAL + 10 * MINUTE + dt.timedelta(seconds=1)) == "future"
    assert wrong(LOCAL - 2 * DAY) == "before_commissioning"


def test_what_a_state_means() -> None:
    states = terminals.STATES
    assert [taps.meaning(str(code), states, "pressed") for code in range(7)] == [
        "in",
        "out",
        "out",
        "in",
        "in",
        "out",
        None,
    ]
    assert taps.meaning("255", states, "first_last") == "in"
    assert taps.meaning("9", {"9": "ignored"}, "first_last") == "ignored"


def test_without_keys_the_earliest_is_in_whatever_the_order_in_which_they_come() -> None:
    times = [NOW + by for by in (0 * HOUR, MINUTE, 4 * HOUR, 5 * HOUR, 9 * HOUR)]
    for order in permutations(times):
        known: list[tuple[dt.datetime, PunchKind]] = []
        for at in order:
            known.append((at, taps.kind_without_keys(at, known)))
        assert min(known)[1] == "in"
    known = []
    for at in times:
        known.append((at, taps.kind_without_keys(at, known)))
    assert [kind for _, kind in known] == ["in", "in", "out", "out", "out"]


NOWHERE: list[Place] = []
HERE, NEAR, FAR = (Place(lat=lat, lon=106.9, radius_m=100) for lat in (-6.2, -6.2005, -6.3))


@pytest.mark.parametrize(
    ("own", "planned", "remote", "zone"),
    [
        (("a", [HERE]), ("a", [FAR]), (), "office"),
        (("a", NOWHERE), ("a", NOWHERE), (), "office"),
        (("a", [HERE]), ("b", [NEAR]), (), "office"),
        (("a", [HERE]), ("b", [FAR]), (), "elsewhere"),
        (("a", [HERE]), ("b", [FAR]), (NEAR,), "remote"),
        (("a", NOWHERE), ("b", [HERE]), (), "unknown"),
        (("a", [HERE, FAR]), ("b", [FAR]), (), "uncertain"),
        (("a", [HERE]), ("b", NOWHERE), (), "elsewhere"),
    ],
)
def test_the_zone_that_a_door_proves(
    own: tuple[str, list[Place]], planned: tuple[str, list[Place]], remote: tuple[Place, ...], zone: str
) -> None:
    assert taps.zone_at(taps.Site(*own), taps.Site(*planned), remote) == zone


def test_a_terminal_is_known_by_its_network_and_key_where_it_has_them() -> None:
    assert terminals.within("10.1.2.3", [])
    assert terminals.within("10.1.2.3", ["192.168.0.0/16", "10.1.0.0/16"])
    assert not terminals.within("10.2.2.3", ["10.1.0.0/16"])
    assert not terminals.within("", ["10.1.0.0/16"])
    assert terminals.within("fe80::1%eth0", ["fe80::/10"])
    assert terminals.opens("A-1", "", None)
    kept = terminals.digest("A-1", "8842")
    assert terminals.opens("A-1", "8842", kept)
    assert not terminals.opens("A-2", "8842", kept)
    assert not terminals.opens("A-1", "", kept)


def test_the_state_stands_in_another_column_on_the_stick() -> None:
    stick = attlog.read("A-1", NOW, b"    7\t2025-11-06 07:25:00\t101\t1\t15\t0\r\n\r\n")
    csv = attlog.read("A-1", NOW, b'time,pin,state\n2025-11-06 07:25,"=""007""",1\n')
    assert [line.line_id for line in stick] == [only(b"7\t2025-11-06 07:25:00\t1\t15").line_id]
    assert [(line.pin, line.state) for line in csv] == [("007", "1")]


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (b"", [(1, "import.empty")]),
        (b"7\t2025-11-06 07:25:00\t1\t0\n7\t2025-11-06\t1\t0\n", [(2, "import.local_time")]),
        (b"7\t2025-11-06 07:25:00\t1\t0\nnonsense\n", [(2, "import.cells")]),
        (b"pin,time,state\nx,2025-11-06 07:25:00,0\n1,11/06/2025 07:25,\n", [(2, "import.pin"), (3, "import.local_time"), (3, "import.required")]),
        (b"pin,time\n", [(1, "import.column_missing")]),
        (b"PK\x03\x04", [(1, "import.workbook")]),
    ],
)  # fmt: skip
def test_every_error_of_a_file_is_named_by_its_row(body: bytes, wrong: list[tuple[int, str]]) -> None:
    with pytest.raises(Rejected) as rejected:
        attlog.read("A-1", NOW, body)
    assert [(error.row, error.code) for error in rejected.value.errors] == wrong


@pytest.mark.parametrize(
    "change",
    [{"networks": ["10.0.0.1/8"]}, {"key": "1", "no_key": True}, {"states": {"01": "in"}}, {"states": {"0": "late"}},
     {"utc_offset_minutes": 7}, {"name": "198704122010121003"}],
)  # fmt: skip
def test_what_cannot_be_said_of_a_terminal(change: dict[str, object]) -> None:
    good = {"name": "Lobi", "unit_id": str(uuid4())}
    terminals.TerminalTerms.model_validate(good)
    with pytest.raises(ValueError, match="validation error"):
        terminals.TerminalTerms.model_validate(good | change)
