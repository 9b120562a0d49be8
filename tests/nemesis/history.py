"""What clients asked for and what they heard: one line as a command begins, one as it ends, in a file."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any, Literal

Outcome = Literal["ok", "failed", "unknown"]
"""`unknown`: it may have happened, or happen later; so is every command that has no end."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command of one writer. `invoked` and `completed` are seconds of one monotonic clock."""

    number: int
    """Of no other command of the run."""
    writer: str
    kind: str
    key: str
    """Commands of one kind and key take effect in the order in which they were given."""
    ident: str
    """Tells what it did from what all other commands of its kind did: in tables, records, facts and messages."""
    invoked: float
    completed: float | None = None
    outcome: Outcome = "unknown"
    rank: int = 0
    """The revision that it made, where it made one."""
    heard: str = ""
    """The last answer, in short."""


class History:
    """Written as it happens, so that what a run did outlives it."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._commands: dict[int, Command] = {}

    def began(self, command: Command) -> None:
        self._commands[command.number] = command
        self._write({"begins": asdict(command)})

    def ended(self, number: int, *, completed: float, outcome: Outcome, rank: int = 0, heard: str = "") -> None:
        """`heard` is cut to what fits a line."""
        begun = self._commands[number]
        done = {"completed": completed, "outcome": outcome, "rank": rank or begun.rank, "heard": heard[:200]}
        self._commands[number] = replace(begun, **done)
        self._write({"ends": {"number": number, **done}})

    def commands(self) -> list[Command]:
        """In the order in which they began."""
        return list(self._commands.values())

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()


def read(path: Path) -> list[Command]:
    """The commands of a file; one whose end is missing, as after a crash, is unknown."""
    return _read(json.loads(line) for line in path.read_text("utf-8").splitlines())


def _read(lines: Iterable[dict[str, Any]]) -> list[Command]:
    found: dict[int, Command] = {}
    for line in lines:
        if "begins" in line:
            command = Command(**line["begins"])
            found[command.number] = command
        else:
            end = line["ends"]
            found[end["number"]] = replace(found[end["number"]], **{k: v for k, v in end.items() if k != "number"})
    return list(found.values())
