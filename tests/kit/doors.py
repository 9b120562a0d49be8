"""The four services in the test's own process, and every door of theirs, by their own OpenAPI documents."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
from fastapi import FastAPI
from starlette.types import ASGIApp

from deploy.local.front import OTHERS
from services.attendance.commands import facts as attendance
from services.notifications.commands import notices
from services.reporting.commands import facts as reporting
from shared.auth import Role
from shared.bus import Handler, HandlerContext
from shared.clock import Clock
from shared.events import Event
from shared.events.base import SERVICES, ServiceName
from shared.service import Service
from tests.conftest import drop_database, make_database
from tests.kit.attendance import received
from tests.kit.documented import as_documented
from tests.kit.push_service import message_key_file
from tests.kit.services import Signer, settings_for

Template = Callable[[str], Awaitable[str]]


@dataclass(frozen=True)
class Door:
    service: ServiceName
    method: str
    path: str
    parameters: tuple[dict[str, Any], ...]
    has_body: bool
    answers: frozenset[int]
    """The statuses that the document says it may answer with."""

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    def takes(self, name: str) -> bool:
        return any(one["name"] == name for one in self.parameters)

    def address(self, name: str = "", value: str | None = None) -> str:
        """A good address, or one with a value of our choice, already quoted, for one parameter."""
        path, query = self.path, list[str]()
        for one in self.parameters:
            chosen = value if one["name"] == name and value is not None else quote(good(one))
            if one["in"] == "path":
                path = path.replace("{" + one["name"] + "}", chosen)
            elif one["in"] == "query" and (one.get("required") or one["name"] == name):
                query.append(f"{one['name']}={chosen}")
        return path + ("?" + "&".join(query) if query else "")


def good(parameter: dict[str, Any]) -> str:
    schema = parameter["schema"]
    if "examples" in schema:
        return str(schema["examples"][0])
    kinds = [schema, *schema.get("anyOf", ())]
    if any(kind.get("format") == "uuid" for kind in kinds):
        return str(uuid4())
    if any(kind.get("format") == "date" for kind in kinds):
        return "2025-11-06"
    if any(kind.get("format") == "date-time" for kind in kinds):
        return "2025-11-06T08:00:00+07:00"
    return next((str(kind["enum"][0]) for kind in kinds if "enum" in kind), "1")


def doors_of(service: ServiceName, document: dict[str, Any]) -> Iterator[Door]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            parameters = tuple(one for one in operation.get("parameters", ()) if one["in"] in ("path", "query"))
            answers = frozenset(map(int, operation["responses"]))
            yield Door(service, method.upper(), path, parameters, "requestBody" in operation, answers)


@dataclass
class City:
    """The four services in the test's own process, behind one client."""

    client: httpx.AsyncClient
    signer: Signer
    doors: list[Door]
    apps: Mapping[ServiceName, FastAPI]

    def headers(self, role: Role = "bkpsdm", opd: str | None = None, *, named: bool = True) -> dict[str, str]:
        return self.signer.headers(role, uuid4() if named else None, opd) | {"accept-language": "en"}

    async def know(self, *events: Event) -> None:
        """As if these events had come over the bus, to every service that keeps facts of them."""
        readers: Mapping[ServiceName, Handler] = {
            "attendance": attendance.take_in,
            "reporting": reporting.take_in,
            "notifications": notices.tell,
        }
        for name, take_in in readers.items():
            service: Service = self.apps[name].state.service
            topics = import_module(f"services.{name}.facts").PROJECTION.topics
            batch = [received(event) for event in events if event.topic in topics]
            if batch:
                await take_in(batch, HandlerContext(service.settings, service.db, service.clock, service.metrics))

    async def ask(self, door: Door, address: str, **how: Any) -> httpx.Response:
        body: dict[str, Any] = {"json": {}} if door.has_body and "json" not in how else {}
        headers = self.headers() | how.pop("headers", {})
        return await self.client.request(door.method, address, headers=headers, **body, **how)


@asynccontextmanager
async def all_services(
    postgres: str, migrated_template: Template, folder: Path, clock: Clock
) -> AsyncGenerator[City]:
    """All four, each on a fresh database, with no Kafka to reach: what they promise stays in their outboxes."""
    signer, apps, doors = Signer(), dict[ServiceName, FastAPI](), list[Door]()
    watched = dict[str, ASGIApp]()
    async with AsyncExitStack() as stack:
        for service in SERVICES:
            name = f"{service}_{uuid4().hex[:12]}"
            url = await make_database(postgres, name, template=await migrated_template(service))
            stack.push_async_callback(drop_database, postgres, name)
            settings = settings_for(
                service,
                signer,
                folder,
                database_url=url,
                database_pool_size=3,
                token_private_key_file=signer.private_file(folder),
                proof_key_file=signer.private_file(folder),
                message_key_file=message_key_file(folder),
            )
            app = import_module(f"services.{service}.app").create_app(settings, clock)
            await stack.enter_async_context(app.router.lifespan_context(app))
            apps[service] = app
            watched[service] = stack.enter_context(as_documented(app))
            doors += list(doors_of(service, app.openapi()))

        async def dispatch(scope: Any, receive: Any, send: Any) -> None:
            segment: str = scope["path"].split("/")[1]
            await watched[OTHERS.get(segment, segment)](scope, receive, send)

        transport = httpx.ASGITransport(dispatch, raise_app_exceptions=False)
        client = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://hadir"))
        yield City(client, signer, doors, apps)
