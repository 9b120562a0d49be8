"""The proxy fails as it is told, the schedule is its seed's, and a report says how to run it again."""

import asyncio
import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path

import pytest

from tests.nemesis.checker import Anomaly
from tests.nemesis.history import Command
from tests.nemesis.proxy import Proxy, proxying
from tests.nemesis.run import Done, Report
from tests.nemesis.schedule import TARGETS, Planned, schedule
from tests.nemesis.soak import Sample, draw, leaks


@asynccontextmanager
async def echoing() -> AsyncGenerator[Proxy]:
    """A proxy to a server that answers with what it hears."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, proxying(server.sockets[0].getsockname()[1]) as proxy:
        yield proxy


async def said(proxy: Proxy, what: bytes = b"abcd") -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        writer.write(what)
        return await reader.readexactly(len(what))
    finally:
        writer.close()


@pytest.mark.parametrize("how", ["well", "delay", "halves"])
async def test_what_passes_is_whole(how: str) -> None:
    async with echoing() as proxy:
        proxy.behave(how, 0.01)  # pyright: ignore[reportArgumentType]
        assert await said(proxy) == b"abcd"


@pytest.mark.parametrize("how", ["cut", "torn"])
async def test_a_cut_ends_connections_and_it_heals(how: str) -> None:
    async with echoing() as proxy:
        proxy.behave(how)  # pyright: ignore[reportArgumentType]
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await said(proxy)
        proxy.behave("well")
        assert await said(proxy) == b"abcd"


async def test_a_cut_ends_connections_that_are_open() -> None:
    async with echoing() as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"x")
        assert await reader.readexactly(1) == b"x"
        proxy.behave("cut")
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()


async def test_silence_swallows_closes_nothing_and_ends_with_a_reset() -> None:
    async with echoing() as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"x")
        assert await reader.readexactly(1) == b"x"
        proxy.behave("silent")
        writer.write(b"lost")
        while not proxy.silenced:  # noqa: ASYNC110 - the proxy is told nothing when it swallows
            await asyncio.sleep(0.01)
        assert not reader.at_eof()
        proxy.behave("well")
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()


def test_a_seed_says_which_faults_come_in_which_order() -> None:
    assert list(islice(schedule(7), 100)) == list(islice(schedule(7), 100))
    assert list(islice(schedule(7), 100)) != list(islice(schedule(8), 100))


def test_every_fault_comes_once_before_any_comes_again() -> None:
    every = {(kind, target) for kind, targets in TARGETS.items() for target in targets}
    seen: list[tuple[str, str]] = []
    for together in schedule(3):
        seen += [(one.kind, one.target) for one in together]
        assert len({one.target for one in together}) == len(together)
        if len(seen) >= len(every):
            break
    assert sorted(seen) == sorted(every)


def test_only_the_kinds_that_are_asked_for_come() -> None:
    assert {one.kind for together in islice(schedule(1, frozenset({"cut"})), 9) for one in together} == {"cut"}


def test_a_report_of_an_anomaly_is_bad_and_says_how_to_run_it_again() -> None:
    done = [Done((Planned("kill", "kafka", 1.0, 0.5),), 2.5)]
    good = Report(7, 900.0, done, [Command(1, "w", "punch", "k", "i", 1.0, 2.0, "ok")], checked="all is well")
    assert not good.bad
    assert "again:" not in good.text()
    assert "kill kafka" in good.text()
    bad = Report(7, 900.0, done, anomalies=[Anomaly("lost", "topic", "it")])
    assert bad.bad
    assert "again: make faults SEED=7 MINUTES=15" in bad.text()
    assert "lost 1  doubled 0  reordered 0  phantom 0" in bad.text()


def of(values: list[float]) -> list[Sample]:
    return [Sample(n * 5.0, "reporting", value, 40.0) for n, value in enumerate(values)]


def test_memory_that_grows_all_the_time_is_a_leak_and_a_step_or_a_wave_is_none(tmp_path: Path) -> None:
    grows = of([100.0 + n for n in range(100)])
    assert [one.split(" grows")[0] for one in leaks(grows)] == ["reporting: rss_mb"]
    assert leaks(of([100.0] * 60 + [180.0] * 40)) == []
    assert leaks(of([100.0 + 30 * math.sin(n / 3) for n in range(100)])) == []
    assert leaks(of([100.0 + n for n in range(5)])) == [], "too short to tell"
    draw(grows, tmp_path / "soak.png")
    assert (tmp_path / "soak.png").read_bytes().startswith(b"\x89PNG")
