"""`hadir demo --pilot`: what it takes, what it goes on with, and whether a verdict is true of the effect."""

import copy
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from demo import entry, pilot
from demo.city import build
from demo.pace import Pace
from demo.pilot import Note, Run, protocol_of, read_note
from demo.place import Addresses, CannotStart, Place
from demo.tally import Tally
from demo.trial import World
from demo.verdict import Found, compare_verdict, judged
from tests.unit.test_demo_trial import AFTER, DESIGN


def nothing_runs() -> Addresses:
    raise CannotStart("nothing runs: start it with `hadir up`")


def keep(path: Path, text: str) -> None:
    path.write_text(text)


def place(folder: Path) -> Place:
    return Place(folder, folder / "key.pem", nothing_runs, keep)


REFUSED = {
    "--effect=0.31": "between -0.3 and 0.3",
    "--effect=nan": "between -0.3 and 0.3",
    "--effect=much": "between -0.3 and 0.3",
    "--margin=0": "above 0",
    "--margin=-0.02": "between 0 and 1",
    "--margin=2": "between 0 and 1",
    "--metric=happiness": "invalid choice",
    "--count-by=head": "invalid choice",
    "--weeks=1": "between 2 and",
    "--weeks=27": "between 2 and",
    "--staff=10": "between 50 and",
    "--date=2025-12-02": "unrecognized",
}


@pytest.mark.parametrize("option", REFUSED)
def test_what_cannot_be_written_is_refused_before_anything_starts(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        entry.refused(["--pilot", option], place(tmp_path))
    assert ended.value.code == 2
    assert REFUSED[option] in capsys.readouterr().err


def test_without_a_system_it_says_how_to_start_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.refused(["--pilot", "--effect", "-.05"], place(tmp_path)) == 0
    assert entry.main(["--pilot"], place(tmp_path)) == 2
    assert "hadir up" in capsys.readouterr().err


def test_the_same_pilot_is_gone_on_with_and_another_one_comes_after_all_that_has_been(tmp_path: Path) -> None:
    here = place(tmp_path)
    options = ["--effect", "0.05", "--weeks", "2", "--staff", "60"]
    first = chosen(here, options)
    assert first.design.first == date(2025, 10, 7)
    assert first.written is None
    Run(Addresses("", ""), here, first, World(build(60), first.design)).wrote(date(2025, 10, 20))
    Pace(here.anchor, start=datetime(2025, 12, 1, 5, tzinfo=UTC))
    assert chosen(here, options) == Note(first.design, date(2025, 10, 20)) == read_note(tmp_path / "pilot.json")
    other = chosen(here, [*options, "--margin", "0.03"])
    assert other.written is None
    assert other.design.first == date(2025, 12, 9), "a Tuesday, a week after where the clock stands"
    assert other.design.pilot_id != first.design.pilot_id
    here.remember(60, 2025)
    with pytest.raises(CannotStart, match="city of 60 people"):
        chosen(here, ["--staff", "61"])


def chosen(here: Place, options: list[str]) -> Note:
    return pilot.choose(here, pilot.options_of(options))


def test_a_damaged_note_is_no_note(tmp_path: Path) -> None:
    path = tmp_path / "pilot.json"
    for text in ("", "{}", '{"design": {}}', json.dumps({"design": {"effect": "x"}, "written": None})):
        path.write_text(text)
        assert read_note(path) is None


@pytest.mark.parametrize(
    ("verdict", "effect", "outcome"),
    [
        ("within_margin", 0.0, "right"),
        ("within_margin", -0.019, "right"),
        ("within_margin", -0.02, "wrong"),
        ("within_margin", -0.05, "wrong"),
        ("worse_than_margin", -0.05, "right"),
        ("worse_than_margin", -0.02, "wrong"),
        ("worse_than_margin", 0.0, "wrong"),
        ("cannot_tell_yet", -0.05, "cannot tell yet"),
    ],
)
def test_a_verdict_is_right_or_wrong_of_the_effect_that_was_put_in(
    verdict: str, effect: float, outcome: str
) -> None:
    assert judged(verdict, effect=effect, margin=0.02) == outcome


def test_the_protocol_names_both_arms_and_both_periods() -> None:
    world = World(build(600), DESIGN)
    protocol = protocol_of(world)
    assert sorted(protocol["treated"] + protocol["control"]) == sorted(world.city.opds)
    assert protocol["baseline"] == {"from": "2025-10-07", "to": "2025-10-20"}
    assert protocol["trial"] == {"from": "2025-10-21", "to": "2025-11-03"}
    assert protocol["margin"] == 0.02


def test_a_figure_of_the_verdict_that_is_another_than_the_own_count_is_named() -> None:
    world = World(build(60), DESIGN)
    tally = Tally(world, AFTER)
    for on in DESIGN.dates():
        tally.add(on, world.person_days(on))
    arms = {**dict.fromkeys(world.treated, "treated"), **dict.fromkeys(world.control, "control")}
    same: dict[str, Any] = {
        "estimate": tally.estimate(),
        "margin": DESIGN.margin,
        "metric": DESIGN.metric,
        "opds": [
            {
                "opd_code": code,
                "arm": arm,
                "weight": 1.0,
                "baseline": tally.metric(code, DESIGN.baseline).value,
                "trial": tally.metric(code, DESIGN.trial).value,
            }
            for code, arm in arms.items()
        ],
    }

    def differences(verdict: dict[str, Any]) -> list[str]:
        found = Found(verdict)
        compare_verdict(world, tally, found)
        assert found.figures == 3 + 44 * 4
        return found.differences

    assert differences(same) == []
    other = copy.deepcopy(same)
    other["opds"][7]["trial"] += 0.001
    other["opds"][8]["arm"] = "control"
    other["estimate"] += 0.0005
    named = differences(other)
    assert len(named) == 3
    assert named[0].startswith("verdict estimate")
    assert other["opds"][7]["opd_code"] in named[1]
    missing = {**same, "opds": same["opds"][1:]}
    assert same["opds"][0]["opd_code"] in differences(missing)[0]
