"""A protocol's one spelling, what makes no pilot, and what may be said of its figures."""

import datetime as dt
import hashlib
from typing import Any

import pytest
from pydantic import ValidationError

from services.reporting.domain.periods import Metric
from services.reporting.domain.pilots import (
    Arm,
    Dates,
    Judged,
    Measured,
    Pilot,
    Protocol,
    check,
    check_revision,
    judge,
    register,
    warnings,
    weighs_too_much,
)
from shared.refusals import Conflict, Invalid

TREATED = [f"A{n}" for n in range(6)]
CONTROL = [f"B{n}" for n in range(6)]
KNOWN = {*TREATED, *CONTROL}
PROTOCOL: dict[str, Any] = {
    "pilot_id": "wfh-2026",
    "title": "WFH tahap II",
    "question": "Apakah layanan tetap tepat waktu?",
    "metric": "on_time_rate",
    "better": "higher",
    "margin": 0.03,
    "count_by": "opd",
    "treated": TREATED,
    "control": CONTROL,
    "baseline": {"from": "2025-10-06", "to": "2025-11-30"},
    "trial": {"from": "2025-12-01", "to": "2026-01-25"},
    "available_minutes": 300,
    "seed": 2026,
}
NOW = dt.datetime(2025, 11, 20, 2, 0, tzinfo=dt.UTC)
TODAY = dt.date(2025, 11, 20)


def protocol(**changed: Any) -> Protocol:
    return Protocol.model_validate({**PROTOCOL, **changed})


# --- The hash ---------------------------------------------------------------------------------------------


def test_a_protocol_has_one_spelling_and_its_hash_is_of_that() -> None:
    """Written out by RFC 8785 by hand: names in order, no space, numbers as ECMAScript writes them."""
    arms = ",".join(f'"B{n}"' for n in range(6)), ",".join(f'"A{n}"' for n in range(6))
    spelt = (
        '{"available_minutes":300,"baseline":{"from":"2025-10-06","to":"2025-11-30"},"better":"higher",'
        f'"control":[{arms[0]}],"count_by":"opd","margin":0.03,"metric":"on_time_rate","pilot_id":"wfh-2026",'
        f'"question":"Apakah layanan tetap tepat waktu?","seed":2026,"title":"WFH tahap II","treated":[{arms[1]}],'
        '"trial":{"from":"2025-12-01","to":"2026-01-25"}}'
    )
    assert protocol().canonical().decode() == spelt
    assert protocol().sha256 == hashlib.sha256(spelt.encode()).hexdigest()


@pytest.mark.parametrize(
    ("margin", "written"),
    [(1, "1"), (1.0, "1"), (0.1, "0.1"), (1e-7, "1e-7"), (0.000001, "0.000001"), (5e-324, "5e-324")],
)
def test_a_margin_is_hashed_as_every_language_writes_it(margin: float, written: str) -> None:
    assert f'"margin":{written},'.encode() in protocol(margin=margin).canonical()


def test_what_is_hashed_is_what_was_sent() -> None:
    spelt = protocol(title="  é “WFH” \\ / €", baseline=None, seed=2**53 - 1).canonical().decode()
    assert '"title":"  é “WFH” \\\\ / €"' in spelt
    assert '"baseline":null' in spelt
    assert '"seed":9007199254740991' in spelt
    assert protocol(treated=TREATED[::-1]).sha256 != protocol().sha256
    sent = {name: value for name, value in PROTOCOL.items() if name != "available_minutes"}
    assert Protocol.model_validate(sent).sha256 == protocol().sha256  # 300 is fixed by being left out


def test_the_event_carries_the_fields_that_the_hash_is_of() -> None:
    event = Pilot(protocol(), 2, True, NOW).published().model_dump(mode="json")
    assert {name: event[name] for name in PROTOCOL} == PROTOCOL
    assert (event["revision"], event["amended_after_start"]) == (2, True)
    assert event["protocol_sha256"] == protocol().sha256


# --- What is no pilot -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"margin": 0}, "margin"),
        ({"margin": -0.01}, "margin"),
        ({"margin": 1.5}, "margin"),
        ({"margin": True}, "margin"),
        ({"margin": "0.03"}, "margin"),
        ({"margin": float("nan")}, "margin"),
        ({"metric": "happiness"}, "metric"),
        ({"better": "more"}, "better"),
        ({"count_by": "unit"}, "count_by"),
        ({"available_minutes": 0}, "available_minutes"),
        ({"available_minutes": 1441}, "available_minutes"),
        ({"title": "x" * 301}, "title"),
        ({"title": " "}, "title"),
        ({"question": "x" * 4001}, "question"),
        ({"question": "Tanya 198704122010121003"}, "question"),
        ({"pilot_id": "a/b"}, "pilot_id"),
        ({"seed": 2**53}, "seed"),
        ({"seed": -1}, "seed"),
        ({"trial": {"from": "2025-12-01"}}, "trial"),
        ({"trial": {"from": "1.12.2025", "to": "2026-01-25"}}, "trial"),
        ({"treated": "A1"}, "treated"),
        ({"margins": 0.1}, "margins"),
    ],
)
def test_a_field_that_cannot_be_read_is_named(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        protocol(**changed)
    assert {error["loc"][0] for error in refused.value.errors()} == {field}


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"control": ["A0", *CONTROL]}, {"control": "pilot.arms_overlap"}),
        ({"control": []}, {"control": "pilot.no_control"}),
        ({"treated": []}, {"treated": "pilot.no_treated"}),
        ({"treated": ["A0", "A0", "A1"]}, {"treated": "pilot.opd_twice"}),
        ({"treated": ["A0", "nowhere"]}, {"treated.1": "pilot.opd_unknown"}),
        ({"trial": {"from": "2025-12-02", "to": "2025-12-01"}}, {"trial.to": "period.reversed"}),
        ({"trial": {"from": "2025-12-01", "to": "2027-12-01"}}, {"trial.to": "period.too_long"}),
        ({"baseline": {"from": "2025-11-02", "to": "2025-11-01"}}, {"baseline.to": "period.reversed"}),
        ({"baseline": {"from": "2025-11-02", "to": "2025-12-01"}}, {"baseline.to": "pilot.baseline_overlaps"}),
        (
            {"control": [], "baseline": {"from": "2026-11-02", "to": "2026-12-01"}},
            {"control": "pilot.no_control", "baseline.to": "pilot.baseline_overlaps"},
        ),
    ],
)
def test_what_makes_no_pilot_is_named_by_field_all_at_once(changed: dict[str, Any], wrong: dict[str, str]) -> None:
    check(protocol(), KNOWN)
    with pytest.raises(Invalid) as refused:
        check(protocol(**changed), KNOWN)
    assert {error.field: error.code for error in refused.value.errors} == wrong


# --- Before and after the start ---------------------------------------------------------------------------


def test_a_pilot_is_registered_before_it_starts_or_not_at_all() -> None:
    first = register(None, protocol(), NOW, TODAY)
    assert (first.revision, first.amended_after_start) == (1, False)
    for today in (dt.date(2025, 12, 1), dt.date(2026, 5, 1)):
        with pytest.raises(Invalid) as refused:
            register(None, protocol(), NOW, today)
        assert [error.field for error in refused.value.errors] == ["trial.from"]


def test_a_change_is_another_revision_and_after_the_start_it_says_so_for_good() -> None:
    first = register(None, protocol(), NOW, TODAY)
    second = register(first, protocol(margin=0.02), NOW, dt.date(2025, 11, 30))
    assert (second.revision, second.amended_after_start) == (2, False)
    third = register(second, protocol(margin=0.05), NOW, dt.date(2025, 12, 1))
    assert (third.revision, third.amended_after_start) == (3, True)
    later = {"from": "2026-06-01", "to": "2026-07-01"}
    fourth = register(third, protocol(trial=later), NOW, dt.date(2025, 12, 2))
    assert register(fourth, protocol(title="lain", trial=later), NOW, dt.date(2025, 12, 3)).amended_after_start
    with pytest.raises(Invalid):  # put off before it began, it cannot be brought back into the past
        register(second, protocol(trial={"from": "2025-11-20", "to": "2025-12-20"}), NOW, TODAY)


def test_who_changes_what_another_has_changed_is_told() -> None:
    held = Pilot(protocol(), 3, False, NOW)
    check_revision(held, 3)
    check_revision(held, None)
    check_revision(None, 0)
    for of, named in ((held, 2), (None, 1)):
        with pytest.raises(Conflict):
            check_revision(of, named)


def test_an_officer_is_warned_of_what_holds_nothing_back() -> None:
    assert warnings(protocol(), first_fact=dt.date(2025, 1, 1), treated_elsewhere=[]) == {}
    odd = protocol(metric="rework_rate", treated=["A0"])
    found = warnings(odd, first_fact=dt.date(2025, 11, 1), treated_elsewhere=["B1", "B0"])
    assert list(found) == [
        "small_arm",
        "better_unusual",
        "baseline_before_first_fact",
        "control_treated_elsewhere",
    ]
    assert found["control_treated_elsewhere"] == {"opd_codes": "B0, B1"}


# --- The verdict ------------------------------------------------------------------------------------------


def sharp(value: float) -> Metric:
    return Metric(value, value, value)


def rows(effect: float = 0.0, weight: float = 1.0) -> list[Measured]:
    """OPDs of different levels whose changes differ a little; the treated by `effect` more."""
    found: list[Measured] = []
    for arm, codes in (("treated", TREATED), ("control", CONTROL)):
        for n, code in enumerate(codes):
            level = 0.80 + 0.03 * n
            change = 0.002 * (n - 2.5) + (effect if arm == "treated" else 0)
            of: Arm = "treated" if arm == "treated" else "control"
            found.append(Measured(code, of, weight, sharp(level), sharp(level + change)))
    return found


def judged(measured: list[Measured], *, over: bool = True, **changed: Any) -> Judged:
    return judge(protocol(**changed), measured, over=over)


@pytest.mark.parametrize(
    ("effect", "verdict", "because"),
    [
        (0.0, "within_margin", ["lower_above_margin"]),
        (-0.02, "within_margin", ["lower_above_margin"]),
        (-0.028, "cannot_tell_yet", ["between"]),
        (-0.03, "cannot_tell_yet", ["between"]),
        (-0.06, "worse_than_margin", ["upper_below_margin"]),
    ],
)
def test_a_verdict_says_what_the_limits_say_of_the_margin(effect: float, verdict: str, because: list[str]) -> None:
    found = judged(rows(effect))
    assert (found.verdict, found.because) == (verdict, because)
    assert found.figures.estimate == pytest.approx(effect, abs=1e-12)


def test_lower_is_better_turns_the_changes_round() -> None:
    found = judged(rows(0.06), metric="rework_rate", better="lower")
    assert found.verdict == "worse_than_margin"
    assert found.figures.estimate == pytest.approx(-0.06)
    assert found.changes["A0"] == pytest.approx(-0.055)


def test_without_a_baseline_the_figures_of_the_trial_are_compared() -> None:
    found = judged([one._replace(baseline=None) for one in rows(-0.06)], baseline=None)
    assert found.changes["A0"] == pytest.approx(0.80 - 0.005 - 0.06)
    assert found.verdict == "cannot_tell_yet"  # the levels differ by far more than the changes


def test_the_order_in_which_opds_are_named_changes_nothing() -> None:
    assert judged(rows(-0.01)) == judged(rows(-0.01)[::-1])


def test_a_design_that_can_never_tell_says_so_whatever_the_figures() -> None:
    few = [one for one in rows() if one.opd_code not in ("A0", "A1")]
    assert (judged(few).verdict, judged(few).because) == (
        "cannot_tell_yet",
        ["small_arm", "one_opd_weighs_too_much"],  # of four alike each holds a quarter
    )
    heavy = [one._replace(weight=1.5) if one.opd_code == "B3" else one for one in rows()]
    assert weighs_too_much(heavy) == ["B3"]
    assert judged(heavy).because == ["one_opd_weighs_too_much"]
    five = [one._replace(weight=0.1) for one in rows() if one.opd_code not in ("A0", "B0")]
    assert weighs_too_much(five) == []  # a fifth is not more than a fifth
    assert judged(five).verdict == "within_margin"


def test_a_trial_that_is_not_over_tells_nothing_but_its_figures_so_far() -> None:
    found = judged(rows(), over=False)
    assert (found.verdict, found.because) == ("cannot_tell_yet", ["not_over"])
    assert found.figures.estimate == pytest.approx(0)
    before = [one._replace(trial=Metric(None, None, None)) for one in rows()]
    assert judged(before, over=False).because == ["not_over"]
    assert judged(before, over=False).figures.estimate is None


def test_what_is_unknown_is_read_both_ways() -> None:
    dark = [
        one._replace(trial=Metric(one.trial.value, 0.5, 1.0)) if one.opd_code in ("A1", "A2") else one
        for one in rows()
    ]
    assert (judged(dark).verdict, judged(dark).because) == ("cannot_tell_yet", ["bounds_disagree"])
    dim = [
        one._replace(trial=Metric(one.trial.value, (one.trial.value or 0) - 0.001, one.trial.value))
        for one in rows()
    ]
    assert judged(dim).verdict == "within_margin"
    # A difference that is clear by what is known, and gone if the unknown of the control were all well.
    bad = [
        one._replace(trial=Metric(one.trial.value, one.trial.value, (one.trial.value or 0) + 0.05))
        if one.arm == "treated"
        else one
        for one in rows(-0.06)
    ]
    assert judged(bad).because == ["bounds_disagree"]


def test_an_opd_without_a_figure_is_named_and_nothing_is_told() -> None:
    gone = [one._replace(trial=Metric(None, 0.0, 1.0)) if one.opd_code == "B5" else one for one in rows()]
    found = judged(gone)
    assert (found.verdict, found.because) == ("cannot_tell_yet", ["opd_without_figure"])
    assert found.changes["B5"] is None
    assert found.figures.estimate is not None
    idle = [one._replace(weight=0.0) if one.opd_code == "A5" else one for one in rows()]
    assert judged(idle, count_by="people").because == ["opd_without_figure"]


def test_an_arm_without_any_figure_has_no_estimate() -> None:
    gone = [one._replace(trial=Metric(None, None, None)) if one.arm == "control" else one for one in rows()]
    found = judged(gone)
    assert (found.verdict, found.figures.estimate) == ("cannot_tell_yet", None)


def test_lots_may_disagree_with_the_limits() -> None:
    """A few OPDs that changed much: the limits lie within the margin, and lots often give as large a gap."""
    changed: dict[str, float] = dict.fromkeys(("A5", "B2", "B3", "B4"), 0.03)
    changed |= dict.fromkeys(("A2", "B0", "B5"), -0.001)
    odd = [one._replace(baseline=sharp(0.8), trial=sharp(0.8 + changed.get(one.opd_code, 0))) for one in rows()]
    found = judged(odd)
    assert (found.verdict, found.because) == ("cannot_tell_yet", ["lots_disagree"])
    assert (found.figures.lower or 0) > -0.03
    assert (found.figures.p_within or 0) > 0.025


def test_dates_are_closed() -> None:
    assert Dates.model_validate({"from": "2025-12-01", "to": "2025-12-07"}).period.days == 7
