"""A message that sends people somewhere sends them to a door that is there."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from shared.events.base import SERVICES
from shared.messages import catalogue
from shared.settings import Settings

DOOR = re.compile(rf"(?:\b(GET|POST|PUT|DELETE) )?(/(?:{'|'.join(SERVICES)})(?:/[\w.{{}}-]+)+)")
# Asking for leave and appealing are no doors of Hadir: who needs them is sent to a person.
NOT_HERE = re.compile(
    r"ajukan (izin|cuti|koreksi|banding|keberatan)|minta(lah)? koreksi|apply for|ask .*for a correction|\bappeal",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    """(method, path) of every door of the four services."""
    found: set[tuple[str, str]] = set()
    for service in SERVICES:
        settings = Settings(
            service=service,
            database_url="postgresql://nobody@127.0.0.1/none",
            kafka_bootstrap="127.0.0.1:9",
            token_public_key_file=Path("none"),
            state_dir=tmp_path_factory.mktemp("state"),
        )
        document = import_module(f"services.{service}.app").create_app(settings).openapi()
        found |= {(method.upper(), path) for path, ways in document["paths"].items() for method in ways}
    return found


@pytest.mark.parametrize("language", ["id", "en"])
def test_every_address_in_a_message_is_a_door(doors: set[tuple[str, str]], language: str) -> None:
    named = [
        (code, method, path.rstrip("."))
        for code, message in catalogue().items()
        for method, path in DOOR.findall(message[language])
    ]
    assert {path for _, _, path in named} >= {"/scheduling/v1/me/calendar", "/reporting/v1/units"}
    paths = {path for _, path in doors}
    missing = [
        (code, method, path)
        for code, method, path in named
        if (path not in paths if not method else (method, path) not in doors)
    ]
    assert missing == []


@pytest.mark.parametrize("language", ["id", "en"])
def test_no_message_asks_for_what_has_no_door(language: str) -> None:
    assert [code for code, message in catalogue().items() if NOT_HERE.search(message[language])] == []
