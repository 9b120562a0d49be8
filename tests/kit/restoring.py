"""A running system whose backup is tried: what is asked of it, and all that it holds once it is quiet."""

import asyncio
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx

from deploy.behind import lags
from deploy.digests import held
from deploy.kafka.access import declared
from deploy.local.state import State
from deploy.local.topics import wanted
from services.reporting.domain.transparency import under_trees
from shared.auth import load_private_key, sign
from shared.events.base import SERVICES, ServiceName
from shared.log import Record, reading
from tests.integration.test_local_system import HADIR, Up, environment, eventually
from tests.kit.receiver import Receiver

OFFICER = uuid4()
PATIENCE_S = 600.0
OUTAGES = "outage.declared.v1"

Digests = dict[str, str]
"""Of each table of each service: its rows and the sum of their hashes."""


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str

    def well(self) -> "Said":
        assert self.code == 0, f"{self.out}\n{self.err}"
        return self


async def hadir(state: State, *arguments: str | Path) -> Said:
    """Run `hadir` in a process of its own, on a state directory."""
    process = await asyncio.create_subprocess_exec(
        *(*HADIR, *map(str, arguments)),
        env=environment(state),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return Said(process.returncode, out.decode(), err.decode())


class City:
    """A running system, and what is asked of it."""

    def __init__(self, state: State, system: Up) -> None:
        self.state, self.system = state, system
        token = sign(load_private_key(state.private_key), role="bkpsdm", subject=OFFICER)
        self._client = httpx.AsyncClient(
            base_url=system.http, trust_env=False, timeout=PATIENCE_S, headers={"Authorization": f"Bearer {token}"}
        )

    async def __aenter__(self) -> "City":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def ask(self, method: str, path: str, status: int, **body: Any) -> Any:
        answer = await self._client.request(method, path, **body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def outage(self, unit_id: str) -> str:
        """Declare an outage of a unit, of a day that nothing else is about; returns its id."""
        times = {"starts_at": "2025-10-27T07:00:00+07:00", "ends_at": "2025-10-27T07:10:00+07:00"}
        body = {"scope": {"unit_ids": [unit_id]}, **times, "reason": "Uji", "outage_id": str(uuid4())}
        await self.ask("POST", "/attendance/v1/outages", 201, json=body)
        return str(body["outage_id"])

    async def follow_outages(self, receiver: Receiver) -> None:
        """Have a webhook sent every outage, and every counter that falls short."""
        terms: dict[str, Any] = {
            "subscription_id": str(uuid4()),
            "address": receiver.url("127.0.0.1", "http"),
            "kinds": ["counter.short"],
            "description": "Uji",
            "way": "webhook",
            "reason": "uji",
        }
        await self.ask("POST", "/notifications/v1/subscriptions", 201, json=terms)
        topics = {"topics": [OUTAGES], "from_start": True, "reason": "uji"}
        path = f"/notifications/v1/subscriptions/{terms['subscription_id']}/topics"
        await self.ask("PUT", path, 200, json=topics)

    async def fetch(self, service: ServiceName, query: str, *values: object) -> list[Any]:
        session: asyncpg.Connection = await asyncpg.connect(self.state.database_url(service, self.system.postgres))
        try:
            return await session.fetch(query, *values)
        finally:
            await session.close()

    async def quiet(self) -> Digests:
        """All that is held, once nothing is promised, sent, read or computed any more."""
        before: Digests = {}
        while True:
            await eventually(self._still, PATIENCE_S)
            now = await digests(self.state, self.system.postgres)
            if now == before:
                return now
            before = now
            await asyncio.sleep(1)

    async def _still(self) -> bool:
        for service in SERVICES:
            if await self.fetch(service, "select 1 from outbox limit 1"):
                return False
        if await self.fetch(
            "notifications", "select 1 from delivery where state in ('waiting', 'sending') limit 1"
        ):
            return False
        if not await self._followed():
            return False
        groups = {one.group: list(one.topics) for name in SERVICES for one in declared(name).declarations}
        if any(one.records for one in await lags(self._kafka, groups)):
            return False
        # What is signed hourly waits for its hour.
        (trees,) = await self.fetch("reporting", "select coalesce(sum(size), 0)::int as size from log_tree")
        async with reading(self._kafka, [topic.name for topic in under_trees()], rewound=False) as log:
            return trees["size"] == sum((await log.ends()).values())

    async def _followed(self) -> bool:
        """Whether whoever follows the outages has them all."""
        async with reading(self._kafka, [OUTAGES], rewound=False) as log:
            written = [*(await log.ends()).values()]
        rows = await self.fetch("notifications", "select has, sending from followed_topic")
        return all((row["has"], row["sending"]) == (written, None) for row in rows)

    @property
    def _kafka(self) -> dict[str, str]:
        return {"bootstrap_servers": self.system.kafka}

    async def places_of(self, *texts: str) -> set[str]:
        """Every table and topic in which one of these stands."""
        found = set[str]()
        for service in SERVICES:
            for table in await held(self.state.database_url(service, self.system.postgres)):
                query = f'select 1 from "{table.table}" as t where t::text like any($1) limit 1'  # noqa: S608
                if await self.fetch(service, query, [f"%{text}%" for text in texts]):
                    found.add(f"{service}.{table.table}")
        for record in await recorded(self.system.kafka, [topic.name for topic in wanted()]):
            if any(text.encode() in (record.value or b"") for text in texts):
                found.add(record.topic)
        return found


async def digests(state: State, admin_url: str) -> Digests:
    return {
        f"{service}.{table.table}": f"{table.rows} {table.sum}"
        for service in SERVICES
        for table in await held(state.database_url(service, admin_url))
    }


async def recorded(kafka: str, topics: Collection[str]) -> list[Record]:
    """All that may be read of topics now."""
    async with reading({"bootstrap_servers": kafka}, sorted(topics)) as log:
        ends = await log.ends()
        return [record async for records in log.upto(ends) for record in records]


async def ids(kafka: str) -> dict[str, list[str]]:
    """The id of each event of each topic, as often as it is there."""
    found: dict[str, list[str]] = {topic.name: [] for topic in wanted()}
    for record in await recorded(kafka, list(found)):
        found[record.topic].append((dict(record.headers).get("ce_id") or b"").decode())
    return {topic: sorted(of_topic) for topic, of_topic in found.items()}


def requests(receiver: Receiver) -> list[str]:
    """The id of each request that came to a receiver."""
    return [{k.lower(): v for k, v in got.headers.items()}["webhook-id"] for got in receiver.got]


def outages_sent(receiver: Receiver) -> list[str]:
    """The outages that a receiver was sent, as often as it was."""
    bodies: list[list[dict[str, Any]] | dict[str, Any]] = [json.loads(got.body) for got in receiver.got]
    return [event["subject"] for body in bodies if isinstance(body, list) for event in body]
