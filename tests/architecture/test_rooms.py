"""Every service has the same rooms, and each thing is done in the room that is made for it."""

import ast
import re
from collections.abc import Callable

import pytest

from tests.architecture import rooms
from tests.architecture.source import ROOT, python, strings, tracked

Rule = Callable[[str, ast.Module], list[str]]
RULES: dict[str, Rule] = {
    "uses a room that it may not use": rooms.crossings,
    "knows HTTP": rooms.speaking_http,
    "publishes": rooms.publishing,
    "asks the database outside a transaction that is named first": rooms.without_a_transaction,
    "names a column by its number": rooms.numbered,
}
"""How many places of each service still break a rule. These numbers only fall."""
BAD: dict[str, tuple[str, str]] = {
    "uses a room that it may not use": (
        "services/attendance/api/outages.py",
        "from services.attendance.store import outages",
    ),
    "knows HTTP": ("services/attendance/commands/outages.py", "from shared.http import Problem"),
    "publishes": ("services/attendance/api/outages.py", "async def door(tx):\n    await outbox.add(tx, [])"),
    "asks the database outside a transaction that is named first": (
        "services/attendance/store/outages.py",
        "async def live(connection: Connection, tx: Tx) -> list[str]: ...",
    ),
    "names a column by its number": ("services/attendance/views/outages.py", "late = plan[3]"),
}
GOOD: dict[str, tuple[str, str]] = {
    "uses a room that it may not use": (
        "services/attendance/api/outages.py",
        "from services.attendance.commands import outages\nfrom services.attendance.domain.outages import Outage",
    ),
    "knows HTTP": ("services/attendance/api/outages.py", "from shared.http import Problem"),
    "publishes": ("services/attendance/tasks/outages.py", "async def end(tx):\n    await outbox.add(tx, [])"),
    "asks the database outside a transaction that is named first": (
        "services/attendance/store/outages.py",
        "async def live(tx: Tx, at: datetime) -> list[str]: ...",
    ),
    "names a column by its number": (
        "services/attendance/views/outages.py",
        "newest, oldest = found[0], found[-1]",
    ),
}


def test_every_file_of_a_service_stands_in_a_room_of_the_plan() -> None:
    names = (path.relative_to(ROOT).as_posix() for path in tracked())
    assert [name for file in names for name in rooms.strange_rooms(file)] == []
    assert rooms.strange_rooms("services/attendance/officers.py") == ["services/attendance/officers.py"]
    assert rooms.strange_rooms("services/attendance/store/officers.py") == []


@pytest.mark.parametrize("rule", RULES)
def test_each_room_keeps_to_its_rules(rule: str) -> None:
    assert [offence for name, tree in python("services") for offence in RULES[rule](name, tree)] == []


@pytest.mark.parametrize("rule", RULES)
def test_the_rules_tell_bad_from_good(rule: str) -> None:
    (where, bad), (beside, good) = BAD[rule], GOOD[rule]
    assert RULES[rule](where, ast.parse(bad)) != []
    assert RULES[rule](beside, ast.parse(good)) == []


def test_the_source_of_our_events_is_spelt_once() -> None:
    """`source_of` gives it to whoever needs it; tests spell it out: other systems rely on it."""
    spelt = re.compile(r"^/hadir/[a-z]*$")
    found = [
        name
        for name, tree in python("shared", "services", "demo", "deploy", "bench")
        for _, text in strings(tree)
        if spelt.search(text)
    ]
    assert found == ["shared/events/envelope.py"]
