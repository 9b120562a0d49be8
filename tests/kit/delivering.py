"""A way out of the house whose other side does as a test says, and workers that hand over to it."""

import asyncio
import datetime as dt
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

from services.notifications.channels import Address, ChannelOut, Outcome, Parcel
from services.notifications.domain.delivery import going
from services.notifications.domain.kinds import Kind, Way
from services.notifications.domain.news import Notice
from services.notifications.domain.rules import Rules, shipped
from services.notifications.store import notices
from services.notifications.tasks.delivery import Worker
from shared.clock import Clock, FixedClock
from shared.database import Database, Tx
from shared.service import Service
from shared.settings import Settings
from shared.telemetry import Metrics
from tests.kit.kafka import eventually
from tests.kit.services import NOBODY

DAY = dt.datetime(2025, 11, 6, 9, 0, tzinfo=dt.timezone(dt.timedelta(hours=7)))
"""No quiet hours."""

Does = Callable[[Parcel], Outcome | Awaitable[Outcome]]


class FakeChannel:
    """What it is handed it keeps in `sent`; `does` says what becomes of it. Each has one address, at `host`."""

    def __init__(
        self,
        way: Way = "email",
        does: Does = lambda _: Outcome("delivered"),
        *,
        bundles: bool = True,
        repeats_safely: bool = False,
        at_once: int = 10,
        at_once_to_a_host: int = 10,
        per_second: float | None = None,
    ) -> None:
        self.way: Way = way
        self.does = does
        self.bundles = bundles
        self.repeats_safely = repeats_safely
        self.at_once = at_once
        self.at_once_to_a_host = at_once_to_a_host
        self.per_second = per_second
        self.sent: list[Parcel] = []
        self.ended: list[Outcome] = []
        self.where: dict[UUID, Sequence[Address]] = {}
        """The addresses of those who have others."""
        self.forgotten: set[str] = set()
        self.now_at_once = self.most_at_once = 0
        self._news = asyncio.Condition()

    async def addresses(self, tx: Tx, recipients: Collection[UUID]) -> Mapping[UUID, Sequence[Address]]:
        return {one: self.where.get(one, [Address(str(one), "host", None)]) for one in recipients}

    async def forget(self, tx: Tx, keys: Collection[str]) -> None:
        self.forgotten |= set(keys)

    async def send(self, parcel: Parcel) -> Outcome:
        async with self._news:
            self.sent.append(parcel)
            self._news.notify_all()
        self.now_at_once += 1
        self.most_at_once = max(self.most_at_once, self.now_at_once)
        try:
            outcome = self.does(parcel)
            outcome = outcome if isinstance(outcome, Outcome) else await outcome
        finally:
            self.now_at_once -= 1
        self.ended.append(outcome)
        return outcome

    async def close(self) -> None:
        pass

    async def got(self, parcels: int) -> list[Parcel]:
        """What was handed over, once it is so many parcels."""
        async with asyncio.timeout(30), self._news:
            await self._news.wait_for(lambda: len(self.sent) >= parcels)
        return self.sent

    @property
    def said(self) -> list[list[UUID]]:
        """The messages of each parcel."""
        return [[message.notification_id for message in parcel.messages] for parcel in self.sent]


def serving(db: Database, clock: Clock | None = None, way: Way = "email") -> Service:
    """A service that nothing runs of."""
    settings = Settings.model_construct(service="notifications", database_url=db.url, kafka_bootstrap=NOBODY)
    return Service(settings, clock or FixedClock(DAY), Metrics("notifications"), None, [f"delivery_{way}"])


@asynccontextmanager
async def working(db: Database, channel: ChannelOut, *, clock: Clock | None = None) -> AsyncGenerator[Worker]:
    """A worker of the channel, as in a process of its own; stopped as a service stops it."""

    service = serving(db, clock, channel.way)
    one = Worker(service, channel)
    running = asyncio.create_task(one.run())
    try:
        yield one
    finally:
        service.stopping.set()
        running.cancel()
        await asyncio.wait([running])
        await service.db.close()


async def subscriber(db: Database, way: Way = "email") -> UUID:
    """One who is reached by a way."""
    one = uuid4()
    async with db.transaction() as tx:
        await tx.connection.execute(
            "insert into subscription (subscription_id, way, address, kinds, description, language, active, "
            "created_by, created_at) values ($1, $2, 'x', '{}', 'x', 'id', true, $1, now())",
            one,
            way,
        )
        await tx.connection.execute("insert into open_way values ($1) on conflict do nothing", way)
    return one


async def said(
    db: Database,
    *to: UUID,
    kind: Kind = "report.returned",
    rules: Rules | None = None,
    now: dt.datetime = DAY,
) -> list[UUID]:
    """A message to each of them, one after another; the ids of the messages."""
    rules = rules or shipped()
    told = [Notice(one, kind, uuid4(), PARAMS[kind]) for one in to]
    async with db.transaction() as tx:
        await notices.deliver(tx, told, now, going=going(rules), fixed=[])
    return [notice.id for notice in told]


PARAMS: dict[Kind, dict[str, object]] = {
    "report.returned": {"work_date": "2025-11-05", "report_revision": 1},
    "counter.short": {"required": 2, "present": 1, "as_of": DAY.isoformat()},
    "budget.burning": {
        "window": "week",
        "spent_minutes": 3,
        "budget_minutes": 4,
        "burn_rate": 2,
        "as_of": DAY.isoformat(),
    },
}
"""Of the kinds that are said here."""


async def states(db: Database) -> dict[UUID, str]:
    """How deliveries stand, by message."""
    async with db.read() as tx:
        rows = await tx.connection.fetch("select notification_id, state from delivery")
    return {row["notification_id"]: row["state"] for row in rows}


async def settled(db: Database, state: str, how_many: int) -> None:
    """Once so many deliveries stand so."""

    async def so_many() -> bool:
        return list((await states(db)).values()).count(state) >= how_many

    await eventually(so_many)


async def bring_forward(db: Database) -> None:
    """What waits is due now, as if its time had passed, and whoever hands over hears of it."""
    async with db.transaction() as tx:
        await tx.connection.execute("update delivery set due_at = now() where state = 'waiting'")
        await tx.connection.execute("select pg_notify('delivery', '')")
