"""A message that sends people somewhere sends them to a door that is there."""

import re
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote

import pytest
from fastapi import FastAPI
from starlette.routing import Match

from services.notifications.domain.rules import shipped
from services.notifications.domain.samples import SAMPLES
from services.notifications.views.wording import worded
from shared.events.base import SERVICES
from shared.messages import catalogue
from shared.settings import Settings

DOOR = re.compile(rf"(?:\b(GET|POST|PUT|DELETE) )?(/(?:{'|'.join(SERVICES)})(?:/[\w.{{}}-]+)+)")


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> list[FastAPI]:
    """The four services."""
    return [
        import_module(f"services.{service}.app").create_app(
            Settings(
                service=service,
                database_url="postgresql://nobody@127.0.0.1/none",
                kafka_bootstrap="127.0.0.1:9",
                token_public_key_file=Path("none"),
                state_dir=tmp_path_factory.mktemp("state"),
            )
        )
        for service in SERVICES
    ]


@pytest.fixture(scope="module")
def doors(apps: list[FastAPI]) -> set[tuple[str, str]]:
    """(method, path) of every door that a document describes."""
    return {
        (method.upper(), path) for app in apps for path, ways in app.openapi()["paths"].items() for method in ways
    }


def is_page(apps: list[FastAPI], path: str) -> bool:
    """Whether a browser that is sent there finds something: pages for people are in no document."""
    scope: dict[str, object] = {"type": "http", "method": "GET", "path": path, "root_path": "", "headers": []}
    return any(route.matches(scope)[0] is Match.FULL for app in apps for route in app.routes)


@pytest.mark.parametrize("language", ["id", "en"])
def test_every_address_in_a_message_is_a_door(
    apps: list[FastAPI], doors: set[tuple[str, str]], language: str
) -> None:
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
        if ((method, path) not in doors if method else path not in paths and not is_page(apps, path))
    ]
    assert missing == []


def test_every_link_of_a_message_opens_a_page(apps: list[FastAPI]) -> None:
    rules = shipped().kinds
    links = {str(worded(one, "id", rules[one.kind]).link) for one in SAMPLES}
    assert len(links) > 10
    assert {link for link in links if not is_page(apps, unquote(link))} == set()


def test_an_address_that_nothing_answers_is_no_page(apps: list[FastAPI]) -> None:
    assert is_page(apps, "/reporting/login")
    assert not is_page(apps, "/reporting/log-in")
    assert not is_page(apps, "/reporting/logout"), "one that only takes what is sent to it"
