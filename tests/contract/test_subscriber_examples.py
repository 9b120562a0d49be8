"""The example programs for subscribers know each thing by what the services themselves know it by."""

import json
from typing import Any

from services.attendance import facts as attendance
from services.notifications import facts as notifications
from services.reporting import facts as reporting
from services.scheduling import facts as scheduling
from shared.events import TOPICS
from shared.facts import Fact
from tests.architecture.source import tracked
from tests.kit.subscriber import (
    BLOCKS,
    EXAMPLES,
    KEEPING,
    OTHERS,
    OVER_HTTP,
    PAGE,
    PROGRAMS,
    block,
    commands,
    settings,
)

FILES = {path for path in tracked() if path.is_relative_to(EXAMPLES)}
IDENTITY: dict[str, list[str]] = json.loads((EXAMPLES / "go" / "identity.json").read_text())


def test_all_programs_have_the_same_table_of_identities() -> None:
    tables = {path: path.read_text() for path in FILES if path.name == "identity.json"}
    assert len(tables) == len(KEEPING) + len(OVER_HTTP)
    assert {json.dumps(json.loads(table)) for table in tables.values()} == {json.dumps(IDENTITY)}


def test_the_python_programs_keep_by_the_same_module() -> None:
    assert len({path.read_text() for path in FILES if path.name == "state.py"}) == 1


def test_a_thing_is_named_by_fields_of_its_event_that_always_come() -> None:
    for topic, fields in IDENTITY.items():
        event = TOPICS[topic].event
        assert set(fields) <= {name for name, field in event.model_fields.items() if field.is_required()}, topic


def test_a_thing_is_what_the_services_keep_a_row_of() -> None:
    modules = (attendance, notifications, reporting, scheduling)
    kept = [
        fact
        for module in modules
        for fact in vars(module).values()
        if isinstance(fact, type) and issubclass(fact, Fact) and hasattr(fact, "of")
    ]
    for fact in kept:
        table: Any = vars(fact)["__table__"]  # SQLModel makes it, and says nothing of it
        key = {column.info.get("of") or column.name for column in table.primary_key}
        named = set(IDENTITY.get(fact.of.topic, [fact.of.key_field]))
        # Reporting keeps each revision of a report; of the others and of ours the newest is in force.
        assert key - {"revision"} == named, fact


def test_the_page_names_each_program_and_there_is_no_other() -> None:
    assert {name for name in PROGRAMS if commands(name)} == set(PROGRAMS)
    assert all(f"examples/{name}" in PAGE for name in PROGRAMS)
    assert {path.relative_to(EXAMPLES).parts[0] for path in FILES} == set(PROGRAMS)


def test_each_command_of_the_page_stands_in_a_block_that_a_test_types() -> None:
    taken = [*map(commands, PROGRAMS), *map(block, OTHERS), *([line] for line in settings())]
    assert sorted(taken) == sorted(lines.strip().splitlines() for lines in BLOCKS)


def test_no_program_needs_more_than_five_commands_to_its_first_event() -> None:
    typed = {name: [*commands(name)] for name in PROGRAMS}
    for lines in typed.values():
        if not any(line.startswith("export ") for line in lines):
            lines.append("the settings")
    assert {name: len(lines) for name, lines in typed.items() if len(lines) > 5} == {}
