"""10,000 webhooks to a receiver that takes its time, and what another receiver notices of it.

The receivers are a process of their own, over HTTP. The slow one answers after `PACE_S`, to as many at once as a
host is sent: that is its own pace. Meanwhile every `EVERY_S` a message goes to the quick one.
"""

import asyncio
import datetime as dt
import json
import sys
import time
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from bench.builds import this_build
from bench.harness import ROOT, Figures, machine
from demo.watch import quantile
from services.notifications.channels.webhook import WebhookChannel
from services.notifications.domain.delivery import going
from services.notifications.domain.news import Notice
from services.notifications.domain.receivers import Guard
from services.notifications.domain.rules import shipped
from services.notifications.store import notices
from services.notifications.store import subscriptions as store
from services.notifications.store.tables import Subscription, WebhookSecret
from services.notifications.tasks.delivery import Worker, task_of
from shared.clock import FixedClock
from shared.database import Database
from shared.message_key import MessageKey
from shared.service import Service
from shared.settings import Settings
from shared.telemetry import Metrics

WEBHOOKS = 10_000
SUBSCRIPTIONS = 20
PACE_S = 0.03
EVERY_S = 0.1
OTHERS = 200
NOON = dt.datetime(2025, 11, 6, 12, 0, tzinfo=dt.timezone(dt.timedelta(hours=7)))
PARAMS = {"required": 3, "present": 1, "as_of": NOON.isoformat()}


class _Receivers:
    """The process with both."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def said(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(await self._process.stdout.readline())

    async def ask(self) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        return await self.said()

    async def end(self) -> None:
        self._process.kill()
        await self._process.wait()


async def _receivers() -> _Receivers:
    return _Receivers(
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.webhook_receivers", str(PACE_S)),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=2**26,
        )
    )


async def _subscribe(db: Database, port: int) -> UUID:
    one = uuid4()
    async with db.transaction() as tx:
        await store.put(
            tx,
            Subscription(
                subscription_id=one,
                way="webhook",
                address=f"http://127.0.0.1:{port}/hook",
                kinds=["counter.short"],
                description="bench",
                language="id",
                active=True,
                created_by=one,
                created_at=NOON,
            ),
        )
        await store.put_secret(
            tx, WebhookSecret(secret_id=one, subscription_id=one, created_by=one, created_at=NOON)
        )
        await tx.connection.execute("insert into open_way values ('webhook') on conflict do nothing")
    return one


async def _tell(db: Database, to: Sequence[UUID]) -> list[str]:
    told = [Notice(one, "counter.short", uuid4(), PARAMS) for one in to]
    async with db.transaction() as tx:
        await notices.deliver(tx, told, NOON, going=going(shipped()), fixed=[])
    return [str(one.id) for one in told]


async def measure(figures: Figures) -> None:
    async with machine() as here:
        url = await here.database("bench_webhooks")
        await this_build().migrate(url, "notifications")
        receivers = await _receivers()
        try:
            ports = await receivers.said()
            await _measured(figures, url, receivers, ports)
        finally:
            await receivers.end()


async def _measured(figures: Figures, url: str, receivers: _Receivers, ports: Sequence[int]) -> None:
    key = MessageKey(generate_private_key(SECP256R1()), b"bench" * 8)
    channel = WebhookChannel(key, Guard((ip_network("127.0.0.0/8"),), ports, plain=True))
    settings = Settings.model_construct(service="notifications", database_url=url, kafka_bootstrap="127.0.0.1:9")
    service = Service(settings, FixedClock(NOON), Metrics("notifications"), None, [task_of("webhook")])
    slow, quick = ports
    slow_ones = [await _subscribe(service.db, slow) for _ in range(SUBSCRIPTIONS)]
    other = await _subscribe(service.db, quick)
    for _ in range(WEBHOOKS // 1000):
        await _tell(service.db, [slow_ones[n % SUBSCRIPTIONS] for n in range(1000)])
    began = time.monotonic()
    worker = asyncio.create_task(Worker(service, channel).run())
    try:
        sent: dict[str, float] = {}
        for _ in range(OTHERS):
            await asyncio.sleep(EVERY_S)
            at = time.monotonic()
            for one in await _tell(service.db, [other]):
                sent[one] = at
        async with asyncio.timeout(300):
            while (came := await receivers.ask())["counts"] != {"slow": WEBHOOKS, "quick": OTHERS}:  # noqa: ASYNC110
                await asyncio.sleep(0.25)
    finally:
        service.stopping.set()
        worker.cancel()
        await asyncio.wait([worker])
        await service.db.close()
    took = max(came["came"]["slow"].values()) - began
    waits = [came["came"]["quick"][one] - at for one, at in sent.items()]
    figures.append("webhooks_slow_s", took)
    figures.append("webhooks_own_pace_share", WEBHOOKS * PACE_S / channel.at_once_to_a_host / took)
    figures.append("webhooks_other_p99_s", quantile(waits, 0.99) or 0)
    figures.append("webhooks_doubled", came["twice"])
