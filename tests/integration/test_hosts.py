"""A database at several hosts, one of which says nothing: its power is cut, or its packets are dropped."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from shared import database, failures
from shared.database import Database


@asynccontextmanager
async def silent() -> AsyncGenerator[tuple[str, list[object]]]:
    """The address of a host that lets everybody in and answers nobody, and who came."""
    came: list[object] = []
    over = asyncio.Event()

    async def hold(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(writer)
        await over.wait()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", came
    finally:
        over.set()
        server.close()


def beside(url: str, *hosts: str) -> str:
    """`url` with other hosts before its own."""
    own = urlsplit(url).netloc.rpartition("@")[2]
    return f"{url.replace(own, ','.join([*hosts, own]), 1)}?target_session_attrs=read-write"


async def test_a_host_that_says_nothing_is_passed_over_and_asked_last_from_then_on(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "ANSWERS_WITHIN_S", 0.5)
    async with silent() as (address, came):
        db = Database(beside(postgres, address))
        await db.ping()
        assert len(came) == 1
        for _ in range(3):
            session = await db.dedicated()
            assert await session.fetchval("select not pg_is_in_recovery()")
            await session.close()
        assert len(came) == 1
        await db.close()


async def test_where_no_host_says_anything_storage_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "ANSWERS_WITHIN_S", 0.2)
    async with silent() as (one, first), silent() as (two, second):
        db = Database(f"postgresql://nobody@{one},{two}/nothing")
        with pytest.raises(TimeoutError) as raised:
            await db.dedicated()
        assert failures.is_away(raised.value)
        assert (len(first), len(second)) == (1, 1)
        await db.close()


async def test_a_session_hears_within_30_s_that_its_host_is_gone(postgres: str) -> None:
    db = Database(postgres)
    async with db.read() as tx:
        told = tx.connection._transport.get_extra_info("socket")  # pyright: ignore[reportPrivateUsage]
        assert told.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        kept = [socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT]
        idle_s, every_s, tries, unanswered_ms = [told.getsockopt(socket.IPPROTO_TCP, option) for option in kept]
    await db.close()
    assert idle_s + every_s * tries <= 30
    assert unanswered_ms == 30_000
