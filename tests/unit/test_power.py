"""What a pilot could tell, against verdicts given one by one and against pilots whose truth is known."""

import random
from typing import Any

import numpy as np
import pytest

from services.reporting.domain.pilots import Protocol
from services.reporting.domain.power import Past, Power, block_days, least_margins, power
from services.reporting.domain.trial import Design

TREATED = [f"A{n:02}" for n in range(10)]
CONTROL = [f"B{n:02}" for n in range(10)]


def protocol(**changed: Any) -> Protocol:
    given = {
        "pilot_id": "uji",
        "title": "uji",
        "question": "uji",
        "metric": "on_time_rate",
        "better": "higher",
        "margin": 0.02,
        "count_by": "opd",
        "treated": TREATED,
        "control": CONTROL,
        "baseline": {"from": "2025-09-01", "to": "2025-10-26"},
        "trial": {"from": "2025-10-27", "to": "2025-12-21"},
        "seed": 7,
    }
    return Protocol.model_validate({**given, **changed})


def past(week_sd: float = 0.02, step: float = 0.0, weeks: int = 8, level_sd: float = 0.0) -> list[Past]:
    """OPDs whose weeks vary by `week_sd`; half way each has gone up or down by `step`."""
    dice = random.Random(1)
    found: list[Past] = []
    for code in (*TREATED, *CONTROL):
        level, side = dice.gauss(0.8, level_sd), dice.choice((-1, 1))
        rates = [level + dice.gauss(0, week_sd) + side * step * (week >= weeks // 2) for week in range(weeks)]
        found.append(
            Past(
                code,
                "treated" if code in TREATED else "control",
                1.0,
                [500 * rate for rate in rates],
                [500.0] * weeks,
            )
        )
    return found


def told(rows: list[Past], **changed: Any) -> Power:
    return power(protocol(**changed), rows, days=7, pilots=300)


@pytest.mark.parametrize("opds", [10, 20, 44])
def test_the_least_margin_is_where_verdicts_begin_to_say_within(opds: int) -> None:
    dice = random.Random(opds)
    for _ in range(4):
        treated = dice.randint(3, opds - 3)
        arms = [True] * treated + [False] * (opds - treated)
        dice.shuffle(arms)
        weights = tuple(dice.uniform(0.1, 3) for _ in arms)
        design = Design(tuple(arms), weights, dice.randrange(1000), 399)
        changes = [dice.gauss(0, 0.02) for _ in arms]
        least = float(least_margins(design, np.array([changes]))[0])
        for margin in (least * 0.5, least * 0.9999, least * 1.0001, least * 2):
            if margin > 0:
                assert (design.compare(changes, margin).told(margin) == "within_margin") is (margin > least)


def test_quieter_weeks_tell_smaller_margins() -> None:
    loud, quiet = told(past(0.04)), told(past(0.01))
    assert (quiet.margin_80 or 0) * 2 < (loud.margin_80 or 0)
    assert (quiet.margin_50 or 0) < (quiet.margin_80 or 0)
    assert (loud.chance or 0) < (quiet.chance or 0)
    chances = [chance for _, chance in loud.curve]
    assert chances == sorted(chances)
    assert loud.curve[3] == (0.02, loud.chance)


def test_what_weeks_do_not_explain_is_drift_and_costs() -> None:
    still, moved = told(past(0.005)), told(past(0.005, step=0.02))
    assert (still.drift or 0) < 0.005
    # 0.04 between those that went up and down, over four weeks; over the eight to the trial half as far again.
    assert moved.drift == pytest.approx(0.02 * 2**0.5, rel=0.35)
    assert (moved.margin_80 or 0) > 2 * (still.margin_80 or 0)


def test_without_a_baseline_the_levels_of_opds_are_in_the_way() -> None:
    rows = past(0.005, level_sd=0.05)
    assert (told(rows, baseline=None).margin_80 or 0) > 3 * (told(rows).margin_80 or 0)


def test_a_shorter_trial_tells_less() -> None:
    short = told(past(), trial={"from": "2025-10-27", "to": "2025-11-02"})
    assert (short.margin_80 or 0) > (told(past()).margin_80 or 0)


def test_the_same_past_gives_the_same_preview() -> None:
    assert told(past()) == told(past()) == told(past()[::-1])
    assert told(past()) != told(past(), seed=8)


def test_what_can_never_tell_says_why() -> None:
    few = [one for one in past() if one.opd_code not in CONTROL[:6]]
    found = told(few, control=CONTROL[6:])
    assert (found.never, found.chance) == (["small_arm", "one_opd_weighs_too_much"], 0.0)
    assert found.margin_80 is not None  # what it would be, were it not for that
    heavy = [
        Past(one.opd_code, one.arm, 5.0, one.above, one.below) if one.opd_code == "A00" else one for one in past()
    ]
    assert told(heavy, count_by="people").never == ["one_opd_weighs_too_much"]
    closed = [
        Past(one.opd_code, one.arm, 1.0, [0.0] * 8, [0.0] * 8) if one.opd_code == "B00" else one for one in past()
    ]
    assert told(closed).never == ["opd_without_figure"]
    brief = told(past(weeks=3))
    assert (brief.never, brief.chance, brief.margin_80) == (["too_little_past"], None, None)
    assert told([]).never == ["small_arm", "opd_without_figure", "too_little_past"]


def test_an_opd_that_was_closed_in_some_weeks_is_counted_by_the_others() -> None:
    rows = past()
    rows[0] = Past("A00", "treated", 1.0, [*rows[0].above[:7], 0.0], [*rows[0].below[:7], 0.0])
    found = told(rows)
    assert found.never == []
    assert found.margin_80 is not None


def test_whole_weeks_are_drawn_where_there_are_four() -> None:
    assert [block_days(days) for days in (5, 27, 28, 56)] == [1, 1, 7, 7]


def test_a_promise_is_about_kept() -> None:
    """Pilots without effect, of weeks like those of the past: about as many say so as the preview says."""
    dice = np.random.default_rng(5)
    promised, kept = 0.0, 0
    given = protocol(margin=0.014)
    for pilot in range(40):
        weeks = 0.8 + dice.normal(0, 0.02, (20, 16))
        rows = [
            Past(code, "treated" if code in TREATED else "control", 1.0, list(500 * row[:8]), [500.0] * 8)
            for code, row in zip((*TREATED, *CONTROL), weeks, strict=True)
        ]
        promised += power(given, rows, days=7, pilots=200).chance or 0
        changes = [float(change) for change in weeks[:, 8:].mean(axis=1) - weeks[:, :8].mean(axis=1)]
        design = Design((True,) * 10 + (False,) * 10, (1.0,) * 20, pilot, 999)
        kept += design.compare(changes, 0.014).told(0.014) == "within_margin"
    assert 0.3 < promised / 40 < 0.9
    assert kept / 40 == pytest.approx(promised / 40, abs=0.2)
