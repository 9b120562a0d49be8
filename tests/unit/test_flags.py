"""What speaks against the place of a punch, by example and by property."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.attendance.commands.flags import thresholds
from services.attendance.domain import flags
from services.attendance.domain.flags import KINDS, DecisionIn, Finding, Seen, Thresholds
from services.attendance.domain.networks import NetworkTerms
from services.attendance.domain.punches import Position
from services.attendance.views.flags import told
from shared.messages import LANGUAGES
from shared.settings import Settings

LIMITS = Thresholds(
    days=30,
    same_people=3,
    same_days=3,
    speed_kmh=200,
    speed_km=5,
    accuracy_repeats=4,
    accuracies=frozenset({150.0}),
    usual_accuracies=frozenset({20.0}),
    device_people=2,
)
BUDI, SITI, RUDI = (uuid4() for _ in range(3))
HERE = Position(-6.238317, 106.975642, 8.3)
MONDAY = dt.date(2025, 11, 3)


def seen(
    who: UUID = BUDI, day: int = 0, hour: float = 7.5, where: Position | None = HERE, **other: object
) -> Seen:
    date = MONDAY + dt.timedelta(days=day)
    at = dt.datetime.combine(date, dt.time(), dt.UTC) + dt.timedelta(hours=hour)
    return replace(Seen(uuid4(), who, date, "in", at, "server", "office", where), **other)  # type: ignore[arg-type]


def kinds(found: Sequence[Finding]) -> list[str]:
    return [one.kind for one in found]


def test_a_phone_that_says_so_is_believed_and_one_that_says_nothing_is_not_doubted() -> None:
    assert kinds(flags.mocked(seen(mock=True))) == ["mock"]
    assert flags.mocked(seen(mock=False)) == flags.mocked(seen()) == []


def test_the_same_coordinates_of_several_people_flag_each_of_them_once() -> None:
    group = [seen(BUDI), seen(SITI), seen(RUDI), seen(RUDI, hour=16)]
    found = flags.same_position(group[0], group[1:], LIMITS)
    assert {one.punch.employee_id for one in found} == {BUDI, SITI, RUDI}
    assert set(kinds(found)) == {"same_position_people"}
    assert (found[0].evidence.people, found[0].evidence.days, found[0].evidence.punches) == (3, 1, 4)
    for one in found:
        assert one.others == {BUDI, SITI, RUDI} - {one.punch.employee_id}
    (of_rudi,) = [one for one in found if one.punch.employee_id == RUDI]
    assert of_rudi.punch == group[3]  # his last
    assert flags.same_position(group[0], group[1:2], LIMITS) == []


def test_the_same_coordinates_on_several_days_are_one_persons_habit() -> None:
    days = [seen(day=day) for day in range(3)]
    (found,) = flags.same_position(days[2], days[:2], LIMITS)
    assert (found.kind, found.evidence.days, found.evidence.people, found.others) == (
        "same_position_days",
        3,
        1,
        frozenset(),
    )
    assert flags.same_position(days[2], [days[1], seen(day=1, hour=16)], LIMITS) == []


@pytest.mark.parametrize(
    "where", [Position(-6.2383, 106.9756, 8), Position(-6.238317, 106.975642, 200), Position(-6.24, 107, 9), None]
)
def test_rounded_and_coarse_positions_are_alike_by_nature(where: Position | None) -> None:
    group = [seen(who, day, where=where) for who in (BUDI, SITI, RUDI) for day in range(3)]
    assert flags.same_position(group[0], group[1:], LIMITS) == []


def test_a_speed_that_nobody_travels_flags_the_later_punch_from_either_side() -> None:
    bandung = Position(-6.914744, 107.60981, 12)
    home, there = seen(hour=7.5), seen(hour=8, where=bandung)
    for one, other in ((home, there), (there, home)):
        (found,) = flags.impossible_speed(one, [other], LIMITS)
        assert found.punch == there
        assert (found.evidence.km, found.evidence.minutes, found.evidence.kmh) == (103, 30, 206)
        assert [one.punch_id for one in found.evidence.beside] == [home.punch_id]
    assert flags.impossible_speed(replace(there, at=there.at + dt.timedelta(minutes=2)), [home], LIMITS) == []


@pytest.mark.parametrize(
    "other",
    [
        seen(where=None),
        seen(time_trust="unverified", where=Position(-6.9, 107.6, 10)),
        seen(where=Position(-6.26, 106.99, 10)),  # 3 km: a fix by cells
        seen(where=Position(-6.32, 107.02, 6000)),  # 10 km, less its own circle
    ],
)
def test_what_proves_no_journey_proves_no_speed(other: Seen) -> None:
    assert flags.impossible_speed(seen(hour=7.51), [other], LIMITS) == []


def test_two_punches_at_one_instant_are_no_division_by_zero() -> None:
    (found,) = flags.impossible_speed(seen(), [seen(where=Position(-6.9, 107.6, 10))], LIMITS)
    assert found.evidence.minutes == 0


def test_an_accuracy_that_never_varies_is_flagged_unless_platforms_round_to_it() -> None:
    row = [seen(day=day, where=Position(-6.2 - day / 1e3, 106.9, 7.7)) for day in (3, 2, 1, 0)]
    (found,) = flags.constant_accuracy(row[0], row[1:], LIMITS)
    assert (found.evidence.accuracy_m, found.evidence.punches, found.evidence.days) == (7.7, 4, 4)
    assert flags.constant_accuracy(row[0], row[1:3], LIMITS) == []
    other = replace(row[3], position=Position(-6.2, 106.9, 7.8))
    assert flags.constant_accuracy(row[0], [*row[1:3], other], LIMITS) == []
    for accuracy in (20.0, 250.0):
        usual = [seen(day=day, where=Position(-6.2, 106.9, accuracy)) for day in (3, 2, 1, 0)]
        assert flags.constant_accuracy(usual[0], usual[1:], LIMITS) == []


def test_an_accuracy_of_made_up_positions_is_flagged_at_once() -> None:
    assert kinds(flags.default_accuracy(seen(where=replace(HERE, accuracy_m=150.0)), LIMITS)) == [
        "default_accuracy"
    ]
    assert flags.default_accuracy(seen(), LIMITS) == flags.default_accuracy(seen(where=None), LIMITS) == []


def test_one_device_of_two_people_flags_both() -> None:
    mine, theirs = seen(BUDI, device_id="phone"), seen(SITI, 1, device_id="phone")
    found = flags.shared_device(theirs, [mine], LIMITS)
    assert {one.punch.employee_id for one in found} == {BUDI, SITI}
    assert flags.shared_device(mine, [seen(BUDI, 1, device_id="phone")], LIMITS) == []
    assert flags.shared_device(seen(), [seen(SITI)], LIMITS) == []


@pytest.mark.parametrize(
    ("zone", "network", "flagged"),
    [
        ("office", "own", False),
        ("office", None, False),
        ("office", "other", True),
        ("elsewhere", "own", True),
        ("remote", "own", True),
        ("elsewhere", "other", False),
        ("elsewhere", None, False),
        ("uncertain", "own", False),
        ("unknown", "own", False),
    ],
)
def test_a_network_is_evidence_only_where_it_contradicts(zone: str, network: str | None, *, flagged: bool) -> None:
    found = flags.network(seen(zone=zone, network=network))
    assert kinds(found) == (["network"] if flagged else [])


@given(st.lists(st.tuples(st.sampled_from([BUDI, SITI, RUDI]), st.integers(0, 9), st.floats(0, 24)), min_size=1))
def test_a_person_is_flagged_once_for_what_they_share_and_never_beside_themselves_alone(
    given_: list[tuple[UUID, int, float]],
) -> None:
    group = [seen(who, day, hour, device_id="phone") for who, day, hour in given_]
    for find in (flags.same_position, flags.shared_device):
        found = find(group[0], group[1:], LIMITS)
        shared = [one for one in found if one.kind != "same_position_days"]
        assert len({one.flag_id for one in found}) == len(found)
        assert len({one.punch.employee_id for one in shared}) == len(shared)
        for one in shared:
            assert one.others
            assert one.punch.employee_id not in one.others
            assert len(one.evidence.beside) <= flags.MOST_BESIDE


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_flag_is_told_in_both_languages(kind: str) -> None:
    evidence = flags.Evidence(
        network="other", people=3, days=2, punches=9, accuracy_m=7.7, km=103, minutes=30, kmh=205
    )
    texts = {told(kind, evidence, "office", language) for language in LANGUAGES}
    assert len(texts) == 2
    assert all("{" not in text and "None" not in text for text in texts)


def test_only_who_vouches_names_a_zone() -> None:
    reason = "Saya bersamanya di loket"
    assert DecisionIn(decision="vouched", zone="office", reason=reason).zone == "office"
    for wrong in ({"decision": "vouched"}, {"decision": "dismissed", "zone": "office"}, {"decision": "guilty"}):
        with pytest.raises(ValidationError):
            DecisionIn.model_validate({"reason": reason, **wrong})


@pytest.mark.parametrize("network", ["10.20.0.0/16", "203.0.113.7/32", "2001:db8::/32", "10.0.0.0/8"])
def test_a_network_is_written_as_one(network: str) -> None:
    assert NetworkTerms(network=network, opd_code="DISDIK", name="Kantor").network == network


@pytest.mark.parametrize(
    "network", ["0.0.0.0/0", "10.0.0.0/7", "::/0", "10.20.1.5/16", "kantor", "", "10.20.0.0/33"]
)
def test_what_is_no_offices_network_is_refused(network: str) -> None:
    with pytest.raises(ValidationError):
        NetworkTerms(network=network, opd_code="DISDIK", name="Kantor")


def test_the_thresholds_are_settings() -> None:
    settings = Settings.model_validate(
        {
            "service": "attendance",
            "database_url": "postgresql://h/d",
            "kafka_bootstrap": "h:1",
            "token_public_key_file": "k",
            "flag_accuracies": "1, 150.5",
            "flag_same_people": "5",
        }
    )
    assert thresholds(settings).accuracies == {1.0, 150.5}
    assert thresholds(settings).same_people == 5
