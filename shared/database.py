"""The database of one service: engine, transactions, group commit, migrations. The only place that commits."""

import asyncio
import logging
import socket
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from contextvars import Context, ContextVar
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Generic, Literal, TypeVar, cast
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from prometheus_client import Histogram
from sqlalchemy import Connection, MetaData, event
from sqlalchemy.engine.interfaces import AdaptedConnection, DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, Pool
from sqlmodel.ext.asyncio.session import AsyncSession

from shared import failures

log = logging.getLogger(__name__)

STATEMENT_TIMEOUT_S: ContextVar[float | None] = ContextVar("statement_timeout_s", default=None)
"""In a request that only reads: seconds until PostgreSQL gives a statement up (asyncpg.QueryCanceledError)."""

IDLE_S = 10.0
"""Seconds without a transaction after which a connection of the pool is closed: PostgreSQL holds 15 to 35 MB for
each. A rush opens them again, at some 10 ms each."""

ANSWERS_WITHIN_S = 5.0
"""Seconds that one of several hosts has to let us in. asyncpg has one limit for all, which a host that says
nothing would use up before the next is tried (findings/asyncpg-silent-first-host.sh)."""

_KEEPALIVE = {"idle": 15, "interval": 5, "count": 3}
"""A machine that is gone says no goodbye: after so many seconds of silence it is asked, every so many, so many
times, and then given up: within 30 s."""

_DIALECT = "postgresql+asyncpg://"
"""What SQLAlchemy has to know: connections are made by `Hosts`."""

_SUPPOSING_S = 30
"""Seconds that one statement of `Database.supposing` may take."""

_PARTITIONED = """
    select string_agg(quote_ident(relname), ', ' order by relname) from pg_class
    where relkind = 'p' and relnamespace = current_schema::regnamespace
"""

Isolation = Literal["read_committed", "repeatable_read"]
Item = TypeVar("Item")
Result = TypeVar("Result")


def hosts(url: str) -> list[str]:
    """The address of each host that `url` names, by itself."""
    parts = urlsplit(url)
    who, at, named = parts.netloc.rpartition("@")
    if "," not in named:
        return [url]
    return [urlunsplit(parts._replace(netloc=f"{who}{at}{host}")) for host in named.split(",")]


class Hosts:
    """Where one database is: a host, or several of which a standby may take over."""

    def __init__(self, url: str) -> None:
        self._urls = hosts(url)

    async def connect(self, **server_settings: str) -> asyncpg.Connection:
        """To the first that is what the address asks for, beginning with the one that was when last asked.

        Raises what the last of them answered, or TimeoutError.
        """
        within_s = ANSWERS_WITHIN_S if len(self._urls) > 1 else 60.0
        answered: Exception | None = None
        for url in list(self._urls):
            try:
                connection: asyncpg.Connection = await asyncpg.connect(
                    url, timeout=within_s, server_settings=server_settings
                )
            except (OSError, asyncpg.TargetServerAttributeNotMatched, asyncpg.CannotConnectNowError) as error:
                answered = error
            else:
                self._urls.sort(key=lambda each: each != url)
                _watched(connection)
                return connection
        assert answered is not None  # noqa: S101 - an address names a host
        raise answered


def _watched(connection: asyncpg.Connection) -> None:
    """What waits for the answer of a machine that is gone, or for its notices, fails within 30 s."""
    told: socket.socket = connection._transport.get_extra_info("socket")  # pyright: ignore[reportPrivateUsage]
    if told.family != socket.AF_UNIX:
        told.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        told.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE["idle"])
        told.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVE["interval"])
        told.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _KEEPALIVE["count"])
        told.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000)


class Tx:
    """One open transaction, in two manners of speaking that share it.

    `connection` is asyncpg's own: set-based SQL on hot paths. `session` is SQLModel's: ordinary reads and
    writes. jsonb parameters on `connection` are JSON text; jsonb results are Python objects.
    """

    def __init__(self, connection: asyncpg.Connection, bind: AsyncConnection | None) -> None:
        self.connection = connection
        self._bind = bind

    @cached_property
    def session(self) -> AsyncSession:
        """Made when first asked for: it is a third of what an empty transaction costs this process."""
        if self._bind is None:
            raise RuntimeError("a transaction of `supposing` speaks raw SQL only")
        return AsyncSession(bind=self._bind, expire_on_commit=False)

    async def flush(self) -> None:
        """Send what the session holds."""
        if "session" in self.__dict__:
            await self.session.flush()

    async def aclose(self) -> None:
        """Give up the session, with what it holds unsent."""
        if "session" in self.__dict__:
            await self.session.close()


def _unless_closed(driver: DBAPIConnection, _entry: ConnectionPoolEntry, _proxy: object) -> None:
    """A connection that PostgreSQL or the network has closed is not lent: asyncpg has heard of it. To ask on each
    would be one more round trip in every transaction."""
    if cast("AdaptedConnection", driver).driver_connection.is_closed():
        raise DisconnectionError


class _Idle:
    """Closes the connections of a pool that nobody has used for IDLE_S; one of them stays."""

    def __init__(self, pool: Pool) -> None:
        self._since: dict[ConnectionPoolEntry, float] = {}
        """The idle ones, those that have been for longest first, and since when (monotonic seconds)."""
        self._timer: asyncio.TimerHandle | None = None
        event.listen(pool, "checkin", self._returned)
        event.listen(pool, "checkout", self._used)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _used(self, _driver: DBAPIConnection, entry: ConnectionPoolEntry, _proxy: object) -> None:
        self._since.pop(entry, None)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(IDLE_S, self._close)

    def _returned(self, _driver: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
        self._since[entry] = time.monotonic()

    def _close(self) -> None:
        before = time.monotonic() - IDLE_S
        for entry in [entry for entry, since in self._since.items() if since <= before][: len(self._since) - 1]:
            del self._since[entry]
            entry.invalidate()  # its place in the pool stays, and connects when it is taken
        self._timer = asyncio.get_running_loop().call_later(IDLE_S / 2, self._close)


class Database:
    """A pool of connections to one PostgreSQL database."""

    def __init__(self, url: str, *, pool_size: int = 10, application_name: str = "hadir") -> None:
        self.url = url
        self.application_name = application_name
        # AUTOCOMMIT keeps SQLAlchemy from opening transactions of its own: they are opened below, on the
        # driver's connection, so that session and raw SQL are in the same one.
        self._hosts = Hosts(url)
        self._engine = create_async_engine(
            _DIALECT,
            async_creator=self._connect,
            isolation_level="AUTOCOMMIT",
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=10,
            # The connection used last is used next, so that those beyond what is needed fall idle.
            pool_use_lifo=True,
        )
        event.listen(self._engine.pool, "checkout", _unless_closed)
        self._idle = _Idle(self._engine.pool)

    async def _connect(self) -> asyncpg.Connection:
        return await self._hosts.connect(
            application_name=self.application_name, idle_in_transaction_session_timeout="60000", jit="off"
        )

    @asynccontextmanager
    async def _open(self, isolation: Isolation, *, readonly: bool) -> AsyncGenerator[Tx, None]:
        async with self._engine.connect() as connection:
            raw = await connection.get_raw_connection()
            driver = cast("asyncpg.Connection", raw.driver_connection)
            tx = Tx(driver, connection)
            first = await self._first(connection, driver)
            async with self._begun(connection, driver, isolation, readonly=readonly), aclosing(tx):
                if first:
                    await driver.execute(first)
                yield tx
                await tx.flush()

    @staticmethod
    async def _first(connection: AsyncConnection, driver: asyncpg.Connection) -> str:
        """What a transaction says before it has a snapshot.

        It holds the tables that have partitions, so that none is made or dropped before it ends: rows that were
        moved into a new partition after its snapshot would be in neither place for it. Who makes one holds them
        alone.
        """
        if "partitioned" not in connection.info:
            connection.info["partitioned"] = await driver.fetchval(_PARTITIONED)
        timeout_s, held = STATEMENT_TIMEOUT_S.get(), connection.info["partitioned"]
        said = [] if timeout_s is None else [f"set local statement_timeout = {round(timeout_s * 1000)}"]
        return "; ".join([*said, f"lock table only {held} in access share mode"] if held else said)

    @asynccontextmanager
    async def _begun(
        self, connection: AsyncConnection, driver: asyncpg.Connection, isolation: Isolation, *, readonly: bool
    ) -> AsyncGenerator[None, None]:
        """asyncpg's transaction. A connection that one was broken off on, as it began or ended, is given up.

        Whether BEGIN came through is not known then: what the pool lends it for next would be a part of that
        transaction, and would never be committed.
        """
        whole = False
        try:
            async with driver.transaction(isolation=isolation, readonly=readonly):
                whole = True
                yield
        except BaseException:
            if not whole or driver.is_in_transaction():
                await connection.invalidate()
            raise

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Tx, None]:
        """A read-write transaction: committed at the end of the block, rolled back if it raises."""
        async with self._open("read_committed", readonly=False) as tx:
            yield tx

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[Tx, None]:
        """A read-only snapshot: every statement in the block sees the same facts."""
        async with self._open("repeatable_read", readonly=True) as tx:
            yield tx

    @asynccontextmanager
    async def supposing(self, tx: Tx) -> AsyncGenerator[Tx, None]:
        """The snapshot of `tx`, of a `read()`, seen by a session of its own. Its temporary tables stand before the
        real ones, so that the same statements answer what would be so; nothing stays, and nobody waits for it.

        A new session, because one that has spoken before has plans for the real tables.
        """
        snapshot = await tx.connection.fetchval("select pg_export_snapshot()")
        connection = await self.dedicated()
        try:
            undone = connection.transaction(isolation="repeatable_read")
            await undone.start()
            await connection.execute(f"set transaction snapshot '{snapshot}'")
            await connection.execute(f"set local statement_timeout = '{_SUPPOSING_S}s'")
            yield Tx(connection, None)
        finally:
            # Ended before it is closed: a server that is still busy for somebody who has gone would go on.
            await connection.close(timeout=2)

    async def dedicated(self) -> asyncpg.Connection:
        """A connection outside the pool, for LISTEN and for locks that a session holds. The caller closes it."""
        return await self._hosts.connect(
            application_name=f"{self.application_name}.dedicated",
            # As in `_watched`, for the server: the session of a machine that is gone, and the lock it holds, end.
            **{f"tcp_keepalives_{name}": str(value) for name, value in _KEEPALIVE.items()},
        )

    async def listen(self, channel: str, heard: Callable[[str], None], began: Callable[[], None]) -> None:
        """Call `heard` with the payload of each notice on a channel; until cancelled.

        `began` is called each time listening begins, also after the connection was away: what was said meanwhile
        has not been heard.
        """

        def notice(_connection: object, _pid: int, _channel: str, payload: object) -> None:
            heard(str(payload))

        gone = asyncio.Event()
        while True:
            try:
                gone.clear()
                connection = await self.dedicated()
                try:
                    connection.add_termination_listener(lambda _: gone.set())
                    await connection.add_listener(channel, notice)
                    began()
                    await gone.wait()
                finally:
                    await connection.close(timeout=2)
            except Exception as error:
                if not failures.is_away(error):
                    raise
                await asyncio.sleep(1)

    @asynccontextmanager
    async def alone(self, what: str) -> AsyncGenerator[bool]:
        """Whether no other process does `what` on this database; none begins to until the end of the block."""
        session = await self.dedicated()
        try:
            yield bool(await session.fetchval("select pg_try_advisory_lock(hashtext($1))", what))
        finally:
            await session.close()

    async def ping(self) -> None:
        """Raises if the database does not answer."""
        async with self.read() as tx:
            await tx.connection.fetchval("select 1")

    async def close(self) -> None:
        self._idle.stop()
        await self._engine.dispose()


@dataclass(slots=True)
class _Waiting(Generic[Item, Result]):
    item: Item
    done: "asyncio.Future[Result]"
    joined: bool = False
    """Whether it is flushed with the one before it."""


class GroupCommit(Generic[Item, Result]):
    """Concurrent requests share one transaction, and each waits for its own commit.

    `flush(tx, items)` returns one result for each item, in order; a result that is an exception is raised to
    that item's caller alone. Measured: 4,900 durable check-ins a second against 2,000 with a transaction each.
    """

    def __init__(
        self,
        db: Database,
        flush: Callable[[Tx, Sequence[Item]], Awaitable[Sequence[Result | Exception]]],
        *,
        max_items: int = 500,
        sizes: Histogram | None = None,
    ) -> None:
        self._db = db
        self._flush = flush
        self._max_items = max_items
        self._sizes = sizes
        self._waiting: deque[_Waiting[Item, Result]] = deque()
        self._worker: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> Result:
        """The result for `item`, once it is durable. Raises what its transaction raised."""
        return await self.put(item)

    def put(self, item: Item) -> "asyncio.Future[Result]":
        """The same for who cannot wait."""
        return self._put(item, joined=False)

    def put_together(self, items: Sequence[Item]) -> "list[asyncio.Future[Result]]":
        """The same for items that are flushed in one call, as long as none of those flushed with them fails."""
        return [self._put(item, joined=number > 0) for number, item in enumerate(items)]

    def _put(self, item: Item, *, joined: bool) -> "asyncio.Future[Result]":
        mine = _Waiting(item, asyncio.get_running_loop().create_future(), joined)
        self._waiting.append(mine)
        if self._worker is None or self._worker.done():
            # It serves whoever comes while it works: what this one request has around it is not theirs.
            self._worker = asyncio.create_task(self._work(), context=Context())
        return mine.done

    async def _work(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._max_items))]
            while self._waiting and self._waiting[0].joined:
                batch.append(self._waiting.popleft())
            if self._sizes is not None:
                self._sizes.observe(len(batch))
            try:
                await self._settle(batch)
            finally:
                # Whatever ends this task, nobody waits for ever.
                self._fail(batch, ConnectionAbortedError("the transaction was given up"))

    async def _settle(self, batch: Sequence[_Waiting[Item, Result]]) -> None:
        """One item that cannot be recorded must not fail those that came with it. A failure of the world, or of a
        wrong deploy, is that of all who have no answer yet."""
        try:
            for one, error in await failures.culprits(batch, self._commit):
                self._fail([one], error)
        except Exception as error:
            self._fail(batch, error)

    async def _commit(self, batch: Sequence[_Waiting[Item, Result]]) -> None:
        async with self._db.transaction() as tx:
            results = await self._flush(tx, [one.item for one in batch])
        for one, result in zip(batch, results, strict=True):
            if one.done.done():  # the request was cancelled while its commit was under way
                continue
            if isinstance(result, Exception):
                one.done.set_exception(result)
            else:
                one.done.set_result(result)

    @staticmethod
    def _fail(batch: Sequence[_Waiting[Item, Result]], error: Exception) -> None:
        for one in batch:
            if not one.done.done():
                one.done.set_exception(error)


def migrate(url: str, script_location: Path, revision: str = "head") -> None:
    """Bring a database to a version of its tables, the newest by default. Blocks; call it in a thread."""
    # Not above: a service that starts, and is waited for, needs none of it, and would load a quarter longer.
    import alembic.command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(script_location))
    config.attributes["url"] = url
    alembic.command.upgrade(config, revision)


def run_migrations(metadata: MetaData) -> None:
    """The whole of a service's alembic `env.py`."""
    from alembic import context

    def run(connection: Connection) -> None:
        context.configure(connection=connection, target_metadata=metadata)
        with context.begin_transaction():
            context.execute("set lock_timeout = '10s'")
            # Two replicas that start together take turns.
            context.execute("select pg_advisory_xact_lock(hashtext('hadir.migrate'))")
            context.run_migrations()

    async def connect_and_run() -> None:
        url: str = context.config.attributes["url"]
        engine = create_async_engine(_DIALECT, async_creator=Hosts(url).connect, poolclass=NullPool)
        connection: AsyncConnection
        async with engine.begin() as connection:
            await connection.run_sync(run)
        await engine.dispose()

    asyncio.run(connect_and_run())
