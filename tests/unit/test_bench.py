"""How a figure is compared, held against the reach, and found lost."""

import datetime as dt

import pytest

from bench import reach, results
from bench.results import Figure, Results

AT = dt.datetime(2025, 11, 6, 1, 2, 3, tzinfo=dt.UTC)
HERE = results.Machine(cpu="x", cores=2, memory_gib=24, system="Linux", python="3.11")


def measured(commit: str = "a" * 40, base: str = "b" * 40, **ratios: float | None) -> Results:
    figures = {
        name: Figure(median=1, runs=[1], base=base, base_median=1, base_runs=[1], ratio=ratio, measured_at="")
        for name, ratio in ratios.items()
    }
    return Results(commit=commit, machine=HERE, figures=figures)


def test_a_ratio_is_the_median_of_the_turns_so_that_a_drift_cancels_out() -> None:
    assert results.ratio([10, 20, 90], [5, 10, 30]) == 2


def test_turns_that_do_not_pair_up_are_compared_by_their_medians() -> None:
    assert results.ratio([10, 20, 30], [10]) == 2
    assert results.ratio([10], [0, 4, 5]) == 2.5


def test_nothing_is_compared_with_zero() -> None:
    assert results.ratio([1, 2], [0, 0]) is None


def test_a_figure_without_a_base_has_no_ratio() -> None:
    alone = results.figure([3, 1, 2], "b" * 40, [], AT)
    assert (alone.median, alone.base, alone.ratio) == (2, None, None)
    assert alone.measured_at == "2025-11-06T01:02:03Z"


def test_a_part_replaces_its_figures_and_leaves_those_of_others() -> None:
    first = results.merged(measured(), {"a_ms": [1], "b_ms": [2]}, None, {}, AT)
    second = results.merged(first, {"b_ms": [6]}, "c", {"b_ms": [3]}, AT)
    assert {name: one.median for name, one in second.figures.items()} == {"a_ms": 1, "b_ms": 6}
    assert second.figures["b_ms"].ratio == 2


def test_results_are_read_as_they_were_written() -> None:
    kept = results.merged(measured(), {"a_ms": [1.25]}, "c", {"a_ms": [2.5]}, AT)
    assert Results.model_validate_json(kept.model_dump_json(exclude_defaults=True)) == kept


@pytest.mark.parametrize(
    ("bound", "verdict"),
    [
        ("ratio_at_most = 0.5", "reached"),
        ("ratio_at_most = 0.49", "not reached"),
        ("ratio_at_least = 0.5", "reached"),
        ("ratio_at_least = 0.51", "not reached"),
        ("at_most = 1", "reached"),
        ("at_most = 0.9", "not reached"),
        ("at_least = 1", "reached"),
        ("at_least = 1.1", "not reached"),
        ("at_most = 0", "not reached"),
    ],
)
def test_a_bound_of_a_figure_or_of_its_ratio(bound: str, verdict: str) -> None:
    (aim,) = reach.aims(f'[[reach]]\nfigure = "x_ms"\n{bound}\nwhy = "-"')
    assert aim.verdict(measured(x_ms=0.5).figures) == verdict


def test_what_was_not_measured_or_has_no_base_is_said_to_be_so() -> None:
    (aim,) = reach.aims('[[reach]]\nfigure = "x_ms"\nratio_at_most = 0.125\nwhy = "-"')
    assert aim.wanted == "ratio <= 0.125"
    assert aim.verdict({}) == "not measured"
    assert aim.verdict(measured(x_ms=None).figures) == "not measured"


@pytest.mark.parametrize("bounds", ["", "at_most = 1\nat_least = 1\n"])
def test_an_aim_has_one_bound(bounds: str) -> None:
    with pytest.raises(ValueError, match="give one bound"):
        reach.aims(f'[[reach]]\nfigure = "x"\n{bounds}why = "-"')


def test_the_file_of_the_reach_can_be_read() -> None:
    assert len({aim.figure for aim in reach.aims(reach.FILE.read_text())}) >= 10


@pytest.mark.parametrize(
    ("name", "rises"),
    [
        ("intake_checkins_per_s", True),
        ("plans_published_per_cpu_s", True),
        ("projector_vs_raw", True),
        ("checkin_to_board_p99_s", False),
        ("city_view_ms", False),
        ("ticker_cpu_us", False),
        ("idle_rss_mib", False),
        ("roster_city_month_spread", None),
    ],
)
def test_the_unit_says_which_way_is_better(name: str, rises: bool | None) -> None:
    assert reach.higher_is_better(name) is rises


def test_a_figure_that_got_a_tenth_worse_than_its_base_is_lost() -> None:
    latest = measured(a_per_s=0.89, b_per_s=0.91, c_ms=1.12, d_ms=1.10, spread=9, e_ms=None)
    assert [(loss.figure, loss.before) for loss in reach.losses(latest, [])] == [("a_per_s", 1), ("c_ms", 1)]


def test_a_ratio_that_fell_since_the_last_file_with_the_same_base_is_lost() -> None:
    latest = measured(a_per_s=1.7, b_per_s=1.7)
    newer = measured("d" * 40, a_per_s=2.0)
    older = measured("e" * 40, a_per_s=1.7, b_per_s=1.8)
    other_base = measured("f" * 40, base="9" * 40, b_per_s=5.0)
    found = reach.losses(latest, [latest, other_base, newer, older])
    assert [(loss.figure, loss.before) for loss in found] == [("a_per_s", 2.0)]
