"""Whether what was asked for is what there is: nothing lost, doubled or reordered, and nothing beside it.

Pure. A command goes through stages: the owner's table, the topic, the facts of who reads it, the inbox. What was
accepted is in each of them once. What was refused is in none. Of a command whose outcome nobody heard both may be
true, but all stages have to agree.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from tests.nemesis.history import Command

Wrong = Literal["lost", "doubled", "reordered", "phantom"]


@dataclass(frozen=True, slots=True)
class Seen:
    """One row, record or message, by the ident of the command that it is of."""

    ident: str
    key: str = ""
    rank: int = 0
    event: str = ""
    """The event's id: a relay may repeat a record, never make another event."""
    partition: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Sight:
    """All of one kind at one stage."""

    kind: str
    stage: str
    """As it is told: `attendance.punch`, `attendance.recorded.v1`."""
    seen: Sequence[Seen]
    log: bool = False
    """A topic: a repetition of a record is no second event, and there is an order."""
    newest: bool = False
    """Of each key only what ranks highest is kept."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    wrong: Wrong
    stage: str
    what: str

    def __str__(self) -> str:
        return f"{self.wrong}: {self.stage}: {self.what}"


@dataclass
class _Kind:
    commands: dict[str, Command] = field(default_factory=dict[str, Command])
    sights: list[Sight] = field(default_factory=list[Sight])


def check(commands: Iterable[Command], sights: Iterable[Sight]) -> list[Anomaly]:
    """What is wrong; of one kind the sights are given in the order of the stages."""
    kinds: dict[str, _Kind] = defaultdict(_Kind)
    for command in commands:
        held = kinds[command.kind].commands.setdefault(command.ident, command)
        if held is not command:
            raise ValueError(f"commands {held.number} and {command.number} cannot be told apart: {command.ident}")
    for sight in sights:
        kinds[sight.kind].sights.append(sight)
    found: list[Anomaly] = []
    for kind in kinds.values():
        for sight in kind.sights:
            found += _presence(kind.commands, sight)
            found += _order(kind.commands, sight) if sight.log else []
        found += _agreement(kind)
    return found


def _presence(commands: Mapping[str, Command], sight: Sight) -> list[Anomaly]:
    found: list[Anomaly] = []
    times = Counter(one.ident for one in _first(sight.seen)) if sight.log else Counter(s.ident for s in sight.seen)
    for ident, count in times.items():
        command = commands.get(ident)
        if command is None:
            found.append(Anomaly("phantom", sight.stage, f"{ident}, for which nobody asked"))
        elif command.outcome == "failed":
            found.append(Anomaly("phantom", sight.stage, f"{_named(command)}, which was refused: {command.heard}"))
        if count > 1:
            found.append(Anomaly("doubled", sight.stage, f"{ident}, {count} times"))
    newest: dict[str, int] = {}
    for one in sight.seen:
        newest[one.key] = max(newest.get(one.key, 0), one.rank)
    for command in commands.values():
        if command.outcome != "ok" or command.ident in times:
            continue
        if not sight.newest or newest.get(command.key, 0) <= command.rank:
            found.append(Anomaly("lost", sight.stage, f"{_named(command)}, which was accepted"))
    return found


def _agreement(kind: _Kind) -> list[Anomaly]:
    """Of a command of unknown outcome: what one stage has, each later one has, and none has more."""
    found: list[Anomaly] = []
    whole = [sight for sight in kind.sights if not sight.newest]
    for before, after in pairwise(whole):
        has, gets = {one.ident for one in before.seen}, {one.ident for one in after.seen}
        for command in kind.commands.values():
            if command.outcome != "unknown" or (command.ident in has) == (command.ident in gets):
                continue
            wrong: Wrong = "lost" if command.ident in has else "phantom"
            found.append(
                Anomaly(wrong, after.stage, f"{_named(command)}, unheard of, is otherwise in {before.stage}")
            )
    return found


def _order(commands: Mapping[str, Command], sight: Sight) -> list[Anomaly]:
    """Records stand, where each is first, in the order of commands that did not overlap; revisions rise."""
    found: list[Anomaly] = []
    by_key: dict[tuple[str, int], list[tuple[Seen, Command]]] = defaultdict(list)
    for one in _first(sight.seen):
        if one.ident in commands:
            command = commands[one.ident]
            by_key[command.key, one.partition].append((one, command))
    for records in by_key.values():
        latest: Command | None = None
        highest = 0
        for one, command in sorted(records, key=lambda record: record[0].offset):
            if one.rank < highest:
                found.append(
                    Anomaly("reordered", sight.stage, f"{_named(command)}: revision {one.rank} after {highest}")
                )
            highest = max(highest, one.rank)
            if command.outcome != "ok" or command.completed is None:
                continue
            if latest is not None and command.completed < latest.invoked:
                found.append(Anomaly("reordered", sight.stage, f"{_named(command)} stands after {_named(latest)}"))
            if latest is None or command.invoked > latest.invoked:
                latest = command
    return found


def _first(seen: Iterable[Seen]) -> list[Seen]:
    """Of each event where it is first."""
    found: dict[tuple[str, str], Seen] = {}
    for one in seen:
        held = found.setdefault((one.ident, one.event), one)
        if one.offset < held.offset and one.partition == held.partition:
            found[one.ident, one.event] = one
    return list(found.values())


def _named(command: Command) -> str:
    return f"{command.kind} {command.writer}#{command.number} ({command.ident})"


Rank = tuple[int, str]
"""(revision, event id)."""


def fold(records: Iterable[tuple[str, Rank]]) -> dict[str, Rank]:
    """Of each fact key the greatest rank: the law of the projections in its own words."""
    greatest: dict[str, Rank] = {}
    for key, rank in records:
        if key not in greatest or rank > greatest[key]:
            greatest[key] = rank
    return greatest


def facts_differ(stage: str, wanted: Mapping[str, Rank], held: Mapping[str, Rank]) -> list[Anomaly]:
    """Whether a table of facts is the fold of its topic."""
    found = [Anomaly("lost", stage, f"the fact {key}") for key in wanted.keys() - held.keys()]
    found += [Anomaly("phantom", stage, f"the fact {key}") for key in held.keys() - wanted.keys()]
    found += [
        Anomaly("lost" if held[key] < rank else "phantom", stage, f"{key} is {held[key]}, the log says {rank}")
        for key, rank in wanted.items()
        if key in held and held[key] != rank
    ]
    return sorted(found, key=str)
