"""What the commands say when they end: each row by name, each rate, in one line."""

import datetime as dt
from uuid import UUID

from services.reporting.commands.check import Disagreements
from services.reporting.commands.rebuild import Rebuilt
from services.reporting.store.steps import Counter

DAY, WHO = dt.date(2025, 11, 6), UUID(int=7)


def test_a_rebuild_says_how_fast_it_read_without_the_steps_and_with_them() -> None:
    told = Rebuilt(records=30_000, facts_s=2.0, computed=900, steps_s=1.0).told()
    assert told == "facts: 30,000 events in 2.0 s (15,000/s); with steps: 3.0 s (10,000/s)"


def test_a_rebuild_that_went_on_says_that_the_facts_were_there() -> None:
    told = Rebuilt(records=None, facts_s=0.1, computed=1_900, steps_s=4.0).told()
    assert told == "the facts were complete; steps of 1,900 in 4.0 s"


def test_a_check_that_found_nothing_is_no_disagreement_and_counts_nothing() -> None:
    found = Disagreements()
    assert (bool(found), found.number, found.told()) == (False, 0, [])
    assert "0 person-days" in found.summary()


def test_a_check_names_every_row_that_differs_or_cannot_be_judged() -> None:
    found = Disagreements(
        days=[(DAY, WHO)],
        counters=[Counter(DAY, "LOKET-1")],
        announced=[(DAY, WHO)],
        bad_days={(DAY, WHO): ValueError("odd")},
        bad_counters={Counter(DAY, "LOKET-2"): ValueError("odder")},
    )
    assert bool(found)
    told = found.told()
    assert [line.split(" ")[0] for line in told] == ["person-day", "counter", *["person-day"] * 2, "counter"]
    assert all(str(DAY) in line for line in told)
    assert "odd" in told[3]
    assert "LOKET-2" in told[4]
