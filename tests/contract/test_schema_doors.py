"""Each schema can be had at the address that events name, by anyone, from the service that owns the topic."""

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI

from shared import http, schema_doors
from shared.auth import Authenticator
from shared.events import TOPICS, schemas
from shared.events.base import SERVICES, ServiceName
from shared.gate import Gate
from shared.settings import Settings, load
from shared.telemetry import Metrics

BASE = "https://hadir.contoh.go.id"


def settings(service: ServiceName, **more: str) -> Settings:
    return load(
        service,
        {
            f"HADIR_{service.upper()}_DATABASE_URL": "postgresql://nobody",
            "HADIR_KAFKA_BOOTSTRAP": "nowhere:1",
            "HADIR_TOKEN_PUBLIC_KEY_FILE": "none",
            **more,
        },
    )


@pytest.fixture
def anyone() -> httpx.AsyncClient:
    """A client without a token, of all four services behind one door."""
    app = FastAPI()
    for service in SERVICES:
        app.include_router(schema_doors.router(settings(service, HADIR_PUBLIC_URL=f"{BASE}/")))
    app.state.authenticator = Authenticator(Ed25519PrivateKey.generate().public_key())
    http.install(app)
    app.add_middleware(Gate, metrics=Metrics("attendance"), body_limits={})
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE)


@pytest.mark.parametrize("topic", TOPICS)
async def test_a_schema_is_served_at_its_own_address_and_says_what_the_released_file_says(
    topic: str, anyone: httpx.AsyncClient
) -> None:
    owner = SERVICES[SERVICES.index(TOPICS[topic].owner)]
    url = schema_doors.address(settings(owner, HADIR_PUBLIC_URL=BASE), topic)
    answer = await anyone.get(url)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/schema+json"
    assert answer.json() == {**schemas.schema(topic), "$id": url}


async def test_a_schema_that_is_known_is_not_sent_again(anyone: httpx.AsyncClient) -> None:
    first = await anyone.get("/reporting/schemas/coverage.changed.v1.json")
    tag = first.headers["etag"]
    for known in (tag, f'"other", W/{tag}', "*"):
        again = await anyone.get(first.url, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert (await anyone.get(first.url, headers={"If-None-Match": '"other"'})).status_code == 200
    head = await anyone.head(first.url)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", tag)
    assert (await anyone.get("/scheduling/schemas/directory.unit.v1.json")).headers["etag"] != tag


@pytest.mark.parametrize(
    "path", ["/reporting/schemas/nothing.v1.json", "/attendance/schemas/coverage.changed.v1.json"]
)
async def test_what_a_service_does_not_publish_is_not_found(path: str, anyone: httpx.AsyncClient) -> None:
    assert (await anyone.get(path)).status_code == 404


def test_an_installation_without_a_public_address_names_its_own() -> None:
    everywhere = "0.0.0.0"  # noqa: S104 - as in a container
    assert settings("reporting", HADIR_HOST=everywhere, HADIR_PORT="9000").base_url == "http://127.0.0.1:9000"


def test_the_address_of_an_installation_is_a_web_address_without_a_query() -> None:
    for wrong in ("hadir.contoh.go.id", "ftp://x", "https://", "https://x/?a", "https://x y"):
        with pytest.raises(Exception, match="HADIR_PUBLIC_URL"):
            settings("reporting", HADIR_PUBLIC_URL=wrong)


def test_the_files_of_the_contract_keep_their_name() -> None:
    """A copy in another repository must not change because an installation moved."""
    assert {schemas.schema(topic)["$id"] for topic in TOPICS} == {f"urn:hadir:schema:{topic}" for topic in TOPICS}
