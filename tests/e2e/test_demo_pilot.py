"""A pilot with a known truth, on a real system: the verdict, the figures, and the same command once more."""

import re
from pathlib import Path

import pytest

from demo.pilot import read_note
from tests.e2e.test_working_day import play
from tests.integration.test_local_system import up
from tests.kit.backing import temporary_state

# Sixty people, most of them alone in their OPD, for four weeks: so little tells only a large effect.
OPTIONS = ("--pilot", "--staff", "60", "--weeks", "2", "--effect", "-0.3", "--margin", "0.05")


@pytest.mark.long
def test_the_verdict_is_true_of_the_effect_and_every_figure_is_what_was_written_and_again_changes_nothing() -> (
    None
):
    with temporary_state() as state, up(state):
        first = play(state, *OPTIONS)
        assert first.returncode == 0, first.stderr[-6000:] + first.stdout[-3000:]
        assert re.search(r"verdict +│ worse_than_margin", first.stdout), first.stdout
        assert re.search(r"which is +│ right", first.stdout)
        compared = re.search(r"Figures: 0 of ([\d,]+) differ", first.stdout)
        assert compared is not None
        assert int(compared[1].replace(",", "")) > 50_000
        note = read_note(Path(state.root / "pilot.json"))
        assert note is not None
        assert note.written == note.design.trial.last

        again = play(state, *OPTIONS)
        assert again.returncode == 0, again.stderr[-6000:]
        assert "wrote 0 records" in again.stderr
        assert again.stdout == first.stdout
