"""An inbox as it changes: nothing is missed, whichever process writes and in whatever order it is committed."""

import asyncio
import datetime as dt
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from services.notifications.app import create_app
from services.notifications.domain.news import Notice
from services.notifications.store import notices as store
from services.notifications.store.live import MOST
from services.notifications.views.live import Follower, Live
from shared.auth import LEEWAY_S, sign_until
from shared.clock import FixedClock
from shared.database import Database
from tests.conftest import drop_database, make_database
from tests.kit.at_the_door import listening
from tests.kit.doors import Template
from tests.kit.services import Signer, settings_for

NOW = dt.datetime(2025, 11, 6, 16, 0, tzinfo=dt.timezone(dt.timedelta(hours=7)))
PARAMS = {"work_date": "2025-11-06", "report_revision": 1}
STREAM = "/notifications/v1/me/inbox/stream"


class Stream:
    """One open stream, event by event."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()
        self.position = ""

    async def event(self) -> dict[str, Any]:
        """The next event; fails when the stream ends before."""
        async with asyncio.timeout(30):
            async for line in self._lines:
                field, _, value = line.partition(": ")
                if field == "id":
                    self.position = value
                elif field == "data":
                    return json.loads(value)
        raise EOFError

    async def ids_until(self, *wanted: UUID) -> list[str]:
        """The ids of messages, as they are told, until all wanted ones have been."""
        told: list[str] = []
        while not {str(one) for one in wanted} <= set(told):
            told += [item["notification_id"] for item in (await self.event())["items"]]
        return told


class Replica:
    """One process of the service, as good as: its own application, listening to the same database."""

    def __init__(self, url: str, app: FastAPI, signer: Signer) -> None:
        self.url, self.app, self.signer = url, app, signer

    @asynccontextmanager
    async def follow(self, who: UUID, **headers: str) -> AsyncGenerator[Stream]:
        given = {**self.signer.headers("staff", who), "accept-language": "en", **headers}
        async with (
            httpx.AsyncClient(base_url=self.url, timeout=60) as client,
            client.stream("GET", STREAM, headers=given) as response,
        ):
            assert response.status_code == 200, await response.aread()
            yield Stream(response)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def db(postgres: str, migrated_template: Template) -> AsyncIterator[Database]:
    name = f"live_{uuid4().hex[:12]}"
    db = Database(await make_database(postgres, name, template=await migrated_template("notifications")))
    yield db
    await db.close()
    await drop_database(postgres, name)


async def replica(db: Database, folder: Path, stack: AsyncExitStack) -> Replica:
    signer = Signer()
    app = create_app(settings_for("notifications", signer, folder, database_url=db.url), FixedClock(NOW))
    await stack.enter_async_context(app.router.lifespan_context(app))
    port = await stack.enter_async_context(listening(app))
    return Replica(f"http://127.0.0.1:{port}", app, signer)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def replicas(db: Database, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[list[Replica]]:
    async with AsyncExitStack() as stack:
        yield [await replica(db, tmp_path_factory.mktemp("replica"), stack) for _ in range(2)]


def notice(who: UUID) -> Notice:
    return Notice(who, "report.accepted", uuid4(), PARAMS)


async def tell(db: Database, *people: UUID) -> list[UUID]:
    notices = [notice(who) for who in people]
    async with db.transaction() as tx:
        await store.deliver(tx, notices, NOW, going=[], fixed=[])
    return [one.id for one in notices]


async def test_whoever_follows_hears_at_once_whichever_process_wrote(
    db: Database, replicas: list[Replica]
) -> None:
    who, other = uuid4(), uuid4()
    first, second = replicas
    async with first.follow(who) as here, second.follow(who) as there, second.follow(other) as elsewhere:
        for stream in (here, there, elsewhere):
            assert await stream.event() == {"items": [], "unread": 0, "reset": False}
        [told] = await tell(db, who)
        for stream in (here, there):
            news = await stream.event()
            [item] = news["items"]
            assert (item["notification_id"], item["title"], item["read_at"]) == (
                str(told),
                "Work report accepted",
                None,
            )
            assert news["unread"] == 1
        # Read in one process, it is read in the other.
        async with httpx.AsyncClient(base_url=first.url) as client:
            answer = await client.post(
                f"/notifications/v1/me/inbox/{told}/read", headers=first.signer.headers("staff", who)
            )
            assert answer.status_code == 200
        news = await there.event()
        assert (news["unread"], news["items"][0]["read_at"] is None) == (0, False)
        [hers] = await tell(db, other)
        assert await elsewhere.ids_until(hers) == [str(hers)]  # and nothing of his


async def test_what_is_committed_late_is_told_though_its_place_is_earlier(
    db: Database, replicas: list[Replica]
) -> None:
    who = uuid4()
    late, early = notice(who), notice(who)
    async with replicas[0].follow(who) as stream:
        await stream.event()
        async with db.transaction() as tx:
            await store.deliver(tx, [late], NOW, going=[], fixed=[])  # it has its place now, and is not there yet
            async with db.transaction() as other:
                await store.deliver(other, [early], NOW, going=[], fixed=[])
            assert await stream.ids_until(early.id) == [str(early.id)]
            left_at = stream.position
        assert await stream.ids_until(late.id) == [str(late.id)]
    # Whoever left in between hears of it when they are back.
    async with replicas[1].follow(who, **{"last-event-id": left_at}) as stream:
        assert str(late.id) in await stream.ids_until(late.id)


async def test_whoever_comes_back_hears_what_came_meanwhile_and_no_more(
    db: Database, replicas: list[Replica]
) -> None:
    who = uuid4()
    before = await tell(db, who, who)
    async with replicas[0].follow(who) as stream:
        assert (await stream.event())["unread"] == 2
        left_at = stream.position
    meanwhile = await tell(db, who, who, who)
    async with replicas[1].follow(who, **{"last-event-id": left_at}) as stream:
        told = await stream.ids_until(*meanwhile)
        assert told == [str(one) for one in meanwhile]
        assert not set(told) & {str(one) for one in before}
        # Nothing new: it is where it was.
        left_at = stream.position
    async with replicas[0].follow(who, **{"last-event-id": left_at}) as stream:
        assert await stream.event() == {"items": [], "unread": 5, "reset": False}


async def test_where_more_came_than_is_told_the_inbox_is_to_be_read_anew(
    db: Database, replicas: list[Replica]
) -> None:
    who = uuid4()
    async with replicas[0].follow(who) as stream:
        await stream.event()
        left_at = stream.position
    await tell(db, *[who] * (MOST + 1))
    async with replicas[0].follow(who, **{"last-event-id": left_at}) as stream:
        assert await stream.event() == {"items": [], "unread": MOST + 1, "reset": True}
        [told] = await tell(db, who)
        assert await stream.ids_until(told) == [str(told)]
    # From a database that has been put back since: its transactions are counted anew.
    async with replicas[0].follow(who, **{"last-event-id": str(2**62)}) as stream:
        assert (await stream.event())["reset"] is True


async def test_a_slow_reader_is_told_each_message_once_and_holds_up_nobody(
    db: Database, replicas: list[Replica]
) -> None:
    who = uuid4()
    slow = Follower(who, "id", None)
    live: Live = replicas[0].app.state.live
    async with replicas[0].follow(who) as quick:
        await quick.event()
        with live.subscription(slow):
            await slow.news.wait()
            told = [(await tell(db, who))[0] for _ in range(5)]
            assert await quick.ids_until(*told) == [str(one) for one in told]
            taken = slow.take()
    assert taken is not None
    _, news = taken
    assert ([one.notification_id for one in news.items], news.unread, news.reset) == (told, 5, False)


async def test_a_stream_ends_with_its_token(replicas: list[Replica]) -> None:
    who, replica = uuid4(), replicas[0]
    until = int(time.time() - LEEWAY_S) + 2
    token = sign_until(replica.signer.key, until, role="staff", subject=who, opd=None)
    async with replica.follow(who, authorization=f"Bearer {token}") as stream:
        await stream.event()
        with pytest.raises(EOFError):
            await stream.event()


async def test_what_was_written_while_the_line_to_the_database_was_away_is_told(
    db: Database, replicas: list[Replica]
) -> None:
    who = uuid4()
    async with replicas[0].follow(who) as stream:
        await stream.event()
        async with db.transaction() as tx:
            ended = await tx.connection.fetchval(
                """
                select count(pg_terminate_backend(pid)) from pg_stat_activity
                where datname = current_database() and application_name like '%dedicated'
                """
            )
        assert ended >= 2
        [told] = await tell(db, who)
        assert await stream.ids_until(told) == [str(told)]


async def test_a_position_that_is_none_is_refused_by_name(replicas: list[Replica]) -> None:
    replica = replicas[0]
    async with httpx.AsyncClient(base_url=replica.url) as client:
        for wrong in ("x", "-1", str(2**63)):
            headers = {**replica.signer.headers("staff", uuid4()), "last-event-id": wrong}
            answer = await client.get(STREAM, headers=headers)
            [error] = answer.json()["errors"]
            assert (answer.status_code, error["field"]) == (422, "header.Last-Event-ID")
        assert (await client.get(STREAM)).status_code == 401
        nameless = await client.get(STREAM, headers=replica.signer.headers("bkpsdm"))
        assert nameless.status_code == 403


async def test_streams_end_when_the_service_stops(db: Database, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        alone = await replica(db, tmp_path, stack)
        async with alone.follow(uuid4()) as stream:
            await stream.event()
            alone.app.state.service.stopping.set()
            with pytest.raises(EOFError):
                await stream.event()
