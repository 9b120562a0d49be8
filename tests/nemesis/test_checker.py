"""The checker finds what is planted, and nothing in a history that is right."""

import io
from dataclasses import replace
from pathlib import Path

import pytest

from tests.nemesis.checker import Seen, Sight, check, facts_differ, fold
from tests.nemesis.history import Command, History, read

ONE = Command(1, "w", "punch", "ani", "a1", 1.0, 2.0, "ok")
TWO = Command(2, "w", "punch", "ani", "a2", 3.0, 4.0, "ok")
OTHER = Command(3, "v", "punch", "budi", "b1", 1.0, 2.0, "ok")
ALL = [ONE, TWO, OTHER]


def record(command: Command, offset: int, event: str = "") -> Seen:
    return Seen(command.ident, event=event or f"e{command.number}", offset=offset)


def sights(
    table: list[Seen] | None = None, log: list[Seen] | None = None, facts: list[Seen] | None = None
) -> list[Sight]:
    rows = [Seen(one.ident) for one in ALL]
    good = [record(OTHER, 0), record(ONE, 1), record(TWO, 2)]
    return [
        Sight("punch", "table", rows if table is None else table),
        Sight("punch", "topic", good if log is None else log, log=True),
        Sight("punch", "facts", rows if facts is None else facts),
    ]


def found(commands: list[Command], seen: list[Sight]) -> list[tuple[str, str]]:
    return [(one.wrong, one.stage) for one in check(commands, seen)]


def test_a_history_that_is_right_has_no_anomaly() -> None:
    assert found(ALL, sights()) == []


def test_a_record_that_a_relay_repeats_is_no_anomaly() -> None:
    assert found(ALL, sights(log=[record(ONE, 0), record(OTHER, 1), record(ONE, 2), record(TWO, 3)])) == []


@pytest.mark.parametrize("stage", ["table", "topic", "facts"])
def test_an_accepted_command_that_a_stage_lacks_is_lost(stage: str) -> None:
    seen = [replace(one, seen=one.seen[1:]) if one.stage == stage else one for one in sights()]
    assert found(ALL, seen) == [("lost", stage)]


@pytest.mark.parametrize("stage", ["table", "facts"])
def test_a_row_that_is_there_twice_is_doubled(stage: str) -> None:
    seen = [replace(one, seen=[*one.seen, one.seen[0]]) if one.stage == stage else one for one in sights()]
    assert found(ALL, seen) == [("doubled", stage)]


def test_a_second_event_of_one_command_is_doubled() -> None:
    log = [record(OTHER, 0), record(ONE, 1), record(TWO, 2), record(TWO, 3, event="another")]
    assert found(ALL, sights(log=log)) == [("doubled", "topic")]


def test_records_of_one_key_in_another_order_than_their_commands_are_reordered() -> None:
    assert found(ALL, sights(log=[record(TWO, 0), record(ONE, 1), record(OTHER, 2)])) == [("reordered", "topic")]


def test_commands_that_overlap_may_stand_in_either_order() -> None:
    both = [ONE, replace(TWO, invoked=1.5), OTHER]
    assert found(both, sights(log=[record(TWO, 0), record(ONE, 1), record(OTHER, 2)])) == []


def test_a_revision_that_falls_is_reordered() -> None:
    commands = [
        Command(n, "w", "report", "r", f"n{n}", 1.0, 9.0, "ok", rank=n) for n in (1, 2)
    ]  # one beside another: only their revisions say which is first
    log = [Seen("n2", "r", 2, "e2", offset=0), Seen("n1", "r", 1, "e1", offset=1)]
    assert found(commands, [Sight("report", "topic", log, log=True)]) == [("reordered", "topic")]


@pytest.mark.parametrize("stage", ["table", "topic", "facts"])
def test_what_nobody_asked_for_is_a_phantom(stage: str) -> None:
    seen = [replace(one, seen=[*one.seen, Seen("x", offset=9)]) if one.stage == stage else one for one in sights()]
    assert found(ALL, seen) == [("phantom", stage)]


def test_a_refused_command_that_took_effect_is_a_phantom() -> None:
    refused = [ONE, TWO, replace(OTHER, outcome="failed")]
    assert set(found(refused, sights())) == {("phantom", "table"), ("phantom", "topic"), ("phantom", "facts")}


def without(command: Command, *stages: str) -> list[Sight]:
    return [
        replace(one, seen=[s for s in one.seen if s.ident != command.ident]) if one.stage in stages else one
        for one in sights()
    ]


def test_of_an_unknown_outcome_all_or_nothing_is_right() -> None:
    commands = [ONE, TWO, replace(OTHER, outcome="unknown", completed=None)]
    assert found(commands, sights()) == []
    assert found(commands, without(OTHER, "table", "topic", "facts")) == []


def test_of_an_unknown_outcome_a_half_is_wrong() -> None:
    commands = [ONE, TWO, replace(OTHER, outcome="unknown", completed=None)]
    assert found(commands, without(OTHER, "topic", "facts")) == [("lost", "topic")]
    assert found(commands, without(OTHER, "table")) == [("phantom", "topic")]


def test_where_only_the_newest_is_kept_an_older_one_is_not_lost_and_a_newer_one_is() -> None:
    commands = [Command(n, "w", "outage", "o", f"o/{n}", n, n + 0.5, "ok", rank=n) for n in (1, 2)]
    assert found(commands, [Sight("outage", "table", [Seen("o/2", "o", 2)], newest=True)]) == []
    assert found(commands, [Sight("outage", "table", [Seen("o/1", "o", 1)], newest=True)]) == [("lost", "table")]


def test_two_commands_that_cannot_be_told_apart_are_a_mistake_of_the_load() -> None:
    with pytest.raises(ValueError, match="cannot be told apart"):
        check([ONE, replace(TWO, ident="a1")], [])


def test_facts_are_the_fold_of_the_log_in_whatever_order_it_comes() -> None:
    log = [("k", (1, "b")), ("k", (2, "a")), ("k", (2, "c")), ("j", (0, "z"))]
    assert fold(log) == fold(reversed(log)) == {"k": (2, "c"), "j": (0, "z")}


def test_facts_that_are_missing_old_or_from_nowhere_are_told() -> None:
    wanted = {"gone": (1, "a"), "old": (2, "b"), "right": (1, "c")}
    held = {"old": (1, "b"), "right": (1, "c"), "strange": (1, "d")}
    assert {(one.wrong, one.what.split()[0]) for one in facts_differ("facts", wanted, held)} == {
        ("lost", "the"),
        ("lost", "old"),
        ("phantom", "the"),
    }
    assert facts_differ("facts", wanted, wanted) == []


def test_a_history_is_read_as_it_was_written_and_what_has_no_end_is_unknown(tmp_path: Path) -> None:
    written = io.StringIO()
    history = History(written)
    history.began(replace(ONE, outcome="unknown", completed=None))
    history.began(replace(TWO, outcome="unknown", completed=None))
    history.ended(1, completed=2.0, outcome="ok", heard="201")
    (tmp_path / "history").write_text(written.getvalue(), "utf-8")
    assert read(tmp_path / "history") == history.commands()
    assert [one.outcome for one in history.commands()] == ["ok", "unknown"]
