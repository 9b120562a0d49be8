"""The comparison of two arms against slow, obvious loops, tables and what must hold of any."""

import hashlib
import itertools
import math
import random
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.reporting.domain.trial import SALT, Comparison, Design, t_quantile

# Student's t, 97.5 %: any table of it, e.g. NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2.
TABLE = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 9: 2.262, 10: 2.228, 30: 2.042, 43: 2.017, 100: 1.984}


def plain_lots(seed: int, opds: int, treated: int, draws: int) -> list[frozenset[int]]:
    """Who is treated in each draw, number by number."""
    stream = hashlib.shake_256(f"{SALT}\n{seed}".encode()).digest(8 * opds * draws)
    numbers = [int.from_bytes(stream[at : at + 8], "big") for at in range(0, len(stream), 8)]
    rows = [numbers[at : at + opds] for at in range(0, len(numbers), opds)]
    return [frozenset(sorted(range(opds), key=row.__getitem__)[:treated]) for row in rows]


def plain_gap(treated: Sequence[int], changes: Sequence[Fraction], weights: Sequence[Fraction]) -> Fraction:
    def mean(arm: Sequence[int]) -> Fraction:
        return sum((weights[g] * changes[g] for g in arm), Fraction()) / sum((weights[g] for g in arm), Fraction())

    return mean(treated) - mean([g for g in range(len(weights)) if g not in treated])


def plain(design: Design, changes: Sequence[float], margin: float) -> Comparison:
    """The whole comparison in fractions."""
    d, w, m = [Fraction(c) for c in changes], [Fraction(w) for w in design.weights], Fraction(margin)
    everyone = range(len(w))
    treated = [g for g in everyone if design.treated[g]]
    estimate = plain_gap(treated, d, w)
    left = Fraction()
    for out in everyone:
        rest = [g for g in everyone if g != out]
        arm = [rest.index(g) for g in treated if g != out]
        left += (plain_gap(arm, [d[g] for g in rest], [w[g] for g in rest]) - estimate) ** 2
    se = math.sqrt(left * (len(w) - 1) / len(w))
    half = t_quantile(len(w) - 1) * se
    lots = plain_lots(design.seed, len(w), len(treated), design.draws)

    def p(shift: Fraction, side: int) -> float:
        shifted = [d[g] + shift * design.treated[g] for g in everyone]
        observed = plain_gap(treated, shifted, w)
        as_far = sum(side * (plain_gap(sorted(one), shifted, w) - observed) >= 0 for one in lots)
        return (1 + as_far) / (1 + design.draws)

    return Comparison(float(estimate), se, float(estimate) - half, float(estimate) + half, p(m, 1), p(-m, -1))


def a_design(dice: random.Random, opds: int, treated: int, draws: int = 199) -> Design:
    arms = [True] * treated + [False] * (opds - treated)
    dice.shuffle(arms)
    return Design(tuple(arms), tuple(dice.uniform(0.1, 9) for _ in arms), dice.randrange(2**53), draws)


@pytest.mark.parametrize(("opds", "treated"), [(4, 2), (7, 3), (12, 6), (20, 5)])
def test_a_comparison_is_that_of_the_slow_loops(opds: int, treated: int) -> None:
    dice = random.Random(opds)
    for _ in range(3):
        design = a_design(dice, opds, treated)
        # Of few values, so that many gaps are alike: whoever has the same gap is counted.
        changes = [dice.randrange(-2, 3) / 100 for _ in range(opds)]
        found, wanted = design.compare(changes, 0.01), plain(design, changes, 0.01)
        assert found == pytest.approx(wanted, rel=1e-9, abs=1e-12)


def test_alike_opds_have_alike_gaps_whatever_the_rounding() -> None:
    design = Design((True, True, True, False, False, False), (0.1, 0.1, 0.1, 0.1, 0.1, 0.1), 5, 999)
    found = design.compare([0.3] * 6, 0.1)
    # Only the arms as they are have as large a gap: one in twenty draws gives just them.
    again = sum(one == frozenset({0, 1, 2}) for one in plain_lots(5, 6, 3, 999))
    assert found.p_within == (1 + again) / 1000
    assert again == pytest.approx(50, abs=25)


def test_the_lots_are_published_and_fair() -> None:
    lots = plain_lots(2026, 6, 3, 9_999)
    assert len(set(lots)) == math.comb(6, 3)
    assert all(abs(sum(g in one for one in lots) / 9_999 - 0.5) < 0.03 for g in range(6))
    design = Design((True, True, False, False, False), (1, 2, 3, 4, 5), 2026, 50)
    rows = [frozenset(g for g in range(5) if row[g] > 0) for row in design.contrasts.tolist()]
    assert rows == plain_lots(2026, 5, 2, 50)


def test_the_limits_are_those_of_a_worked_example() -> None:
    """Two OPDs each, equal weights: estimate 2, and without each of them 1, 3, 3, 1, so se = sqrt(3/4 x 4)."""
    found = Design((True, True, False, False), (1, 1, 1, 1), 1).compare([4, 2, 0, 2], 0.5)
    assert (found.estimate, found.se) == (2, math.sqrt(3))
    assert found.lower == pytest.approx(2 - 3.18245 * math.sqrt(3), abs=1e-4)


def test_an_arm_of_one_has_no_error_to_tell() -> None:
    found = Design((True, False, False), (1, 1, 1), 1, 99).compare([0.1, 0.0, 0.1], 0.5)
    assert (found.estimate, found.se, found.lower, found.upper) == (pytest.approx(0.05), None, None, None)
    assert found.told(10) == "cannot_tell_yet"


@pytest.mark.parametrize(("degrees", "wanted"), TABLE.items())
def test_t_is_that_of_the_tables(degrees: int, wanted: float) -> None:
    assert t_quantile(degrees) == pytest.approx(wanted, abs=5e-4)


@given(degrees=st.integers(1, 200), level=st.floats(0.5, 0.999))
@settings(max_examples=60, deadline=None)
def test_t_leaves_so_much_between_its_two_sides(degrees: int, level: float) -> None:
    """By the integral of the density, over the angle: cos^(n-1), which needs no table."""
    end = math.atan(t_quantile(degrees, level) / math.sqrt(degrees))

    def area(until: float, steps: int = 4000) -> float:
        heights = [math.cos(until * n / steps) ** (degrees - 1) for n in range(steps + 1)]
        return until / steps / 3 * (heights[0] + heights[-1] + 4 * sum(heights[1:-1:2]) + 2 * sum(heights[2:-1:2]))

    assert area(end) / area(math.pi / 2) == pytest.approx(level, abs=1e-6)


@given(data=st.data(), shift=st.floats(-0.5, 0.5), scale=st.floats(0.1, 10))
@settings(max_examples=40, deadline=None)
def test_what_all_opds_share_is_no_difference(data: st.DataObject, shift: float, scale: float) -> None:
    dice = random.Random(data.draw(st.integers(0, 99)))
    design = a_design(dice, 9, 4, 99)
    changes = [dice.gauss(0, 0.02) for _ in range(9)]
    found = design.compare(changes, 0.02)
    moved = design.compare([change + shift for change in changes], 0.02)
    assert moved == pytest.approx(found, abs=1e-9)
    rescaled = Design(design.treated, tuple(w * scale for w in design.weights), design.seed, 99)
    assert rescaled.compare(changes, 0.02) == pytest.approx(found, abs=1e-9)


def test_the_two_sides_are_one_rule_seen_from_both() -> None:
    """Turned round, what was as good as is as bad as."""
    dice = random.Random(3)
    design = a_design(dice, 12, 6, 999)
    changes = [dice.gauss(0, 0.02) for _ in range(12)]
    found, turned = design.compare(changes, 0.02), design.compare([-change for change in changes], 0.02)
    assert (found.p_within, found.p_worse) == (turned.p_worse, turned.p_within)
    assert (found.lower, found.upper) == (-(turned.upper or 0), -(turned.lower or 0))


def test_a_verdict_needs_both_opinions() -> None:
    rows = itertools.product((-0.03, -0.01, 0.01), (0.001, 0.5), (0.001, 0.5))
    told = {
        (lower, p_within, p_worse): Comparison(0, 0.01, lower, lower + 0.005, p_within, p_worse).told(0.02)
        for lower, p_within, p_worse in rows
    }
    for (lower, p_within, p_worse), verdict in told.items():
        if lower > -0.02 and p_within < 0.025:
            assert verdict == "within_margin"
        elif lower + 0.005 < -0.02 and p_worse < 0.025:
            assert verdict == "worse_than_margin"
        else:
            assert verdict == "cannot_tell_yet"
    assert set(told.values()) == {"within_margin", "worse_than_margin", "cannot_tell_yet"}
    assert Comparison(0, 0, -0.02, 0, 0.001, 0.5).told(0.02) == "cannot_tell_yet"  # at the margin is not within it
    assert Comparison(0, 0, -0.01, 0, 0.025, 0.5).told(0.02) == "within_margin"
