"""The catalogue of events is at the front door, for anyone, says where we stand, and loads nothing."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import httpx
import pytest
from fastapi import FastAPI

from shared import catalogue, http
from shared.events import TOPICS
from tests.contract.test_schema_doors import BASE, settings


def asking(**more: str) -> httpx.AsyncClient:
    app = FastAPI()
    app.include_router(catalogue.router(settings("reporting", HADIR_PUBLIC_URL=BASE, **more)))
    http.install(app)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE)


async def test_the_document_says_where_this_installation_and_its_kafka_stand() -> None:
    answer = await asking(
        HADIR_KAFKA_EXTERNAL_NAME="kafka.contoh.go.id:9094", HADIR_KAFKA_SECURITY_PROTOCOL="SASL_PLAINTEXT"
    ).get("/events/asyncapi.json")
    assert answer.headers["content-type"] == "application/vnd.aai.asyncapi+json"
    document = answer.json()
    assert document["asyncapi"] == "3.1.0"
    assert {name: server["host"] for name, server in document["servers"].items()} == {
        "inside": "nowhere:1",
        "outside": "kafka.contoh.go.id:9094",
    }
    assert document["servers"]["inside"]["security"]
    for name, channel in document["channels"].items():
        assert channel["x-dataschema"] == f"{BASE}/{TOPICS[name].owner}/schemas/{name}.json"


async def test_an_installation_that_lets_nobody_in_from_outside_says_so_by_silence() -> None:
    document = (await asking().get("/events/asyncapi.json")).json()
    assert set(document["servers"]) == {"inside"}
    assert "security" not in document["servers"]["inside"]


@pytest.mark.parametrize("path", ["/events/asyncapi.json", "/events/"])
async def test_what_is_known_is_not_sent_again(path: str) -> None:
    client = asking()
    tag = (await client.get(path)).headers["etag"]
    again = await client.get(path, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


class Loads(HTMLParser):
    """What a browser would fetch or run by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        if tag in ("script", "link", "img", "iframe", "object", "form") or {"src", "style"} & names:
            self.found.append(tag)


def loads(page: str) -> list[str]:
    parser = Loads()
    parser.feed(page)
    return parser.found + re.findall(r"url\(|@import", page)


async def test_the_page_loads_nothing_and_its_style_is_the_one_that_it_allows() -> None:
    answer = await asking().get("/events/")
    assert answer.headers["content-type"].startswith("text/html")
    assert loads(answer.text) == []
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["content-security-policy"]
    assert loads('<script src="x"></script><p style="a"></p>') == ["script", "p"]


async def test_the_page_has_for_each_topic_all_that_is_promised() -> None:
    text = (await asking().get("/events/")).text
    document = json.loads((await asking().get("/events/asyncapi.json")).text)
    for name, channel in document["channels"].items():
        (section,) = re.findall(rf'<section aria-labelledby="{re.escape(name)}">.*?</section>', text, re.DOTALL)
        for term in ("when", "owner", "audience", "key", "kept", *channel["x-promises"], "schema", "unreadable"):
            assert f"<dt>{term}</dt>" in section
        assert f'href="{channel["x-dataschema"]}"' in section
        assert "An example" in section
        for field in document["components"]["messages"][name]["payload"]["properties"]:
            assert f"<code>{field}</code>" in section


def test_the_file_of_the_page_is_what_the_code_says_and_leads_to_the_files_beside_it() -> None:
    written = catalogue.FILE.read_text(encoding="utf-8")
    assert (written == catalogue.page()) is True, "run `make schemas` and look at what changed"
    for link in re.findall(r'href="([^"#]+)"', written):
        assert (catalogue.FILE.parent / link).is_file(), link
