"""A TCP proxy that can be told to fail: it cuts, delays, goes silent, hands over halves."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Literal

How = Literal["well", "cut", "delay", "silent", "halves", "torn"]
"""`cut`: connections are reset, and new ones too. `silent`: what comes is swallowed and nothing is closed, as on
a half-open connection. `halves`: the second half of each chunk comes later. `torn`: half of one, then a reset."""

_CHUNK = 64 * 1024


@dataclass
class Behaviour:
    how: How = "well"
    delay_s: float = 0.0


class Proxy:
    """Passes on to `127.0.0.1:target`, as it is told at the time. Made by `proxying`."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.behaviour = Behaviour()
        self._open: set[asyncio.StreamWriter] = set()
        self._silenced: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def silenced(self) -> int:
        """How many connections have swallowed something."""
        return len(self._silenced)

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def behave(self, how: How, delay_s: float = 0.0) -> None:
        """From now on, for connections that are open as for new ones; `cut` and `torn` end those that are.

        Who swallowed bytes cannot go on as if nothing had been: when it heals those connections are reset.
        """
        self.behaviour = Behaviour(how, delay_s)
        ends = self._open if how == "cut" else self._silenced
        for writer in list(ends):
            writer.transport.abort()
        if how != "silent":
            self._silenced.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.behaviour.how == "cut":
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, far_writer}
        try:
            # Either direction ends both: neither PostgreSQL nor Kafka uses half-closed connections.
            passing = [
                asyncio.ensure_future(self._pass(reader, far_writer)),
                asyncio.ensure_future(self._pass(far_reader, writer)),
            ]
            await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
            for one in passing:
                one.cancel()
            await asyncio.gather(*passing, return_exceptions=True)
        finally:
            for end in (writer, far_writer):
                self._open.discard(end)
                self._silenced.discard(end)
                end.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(_CHUNK):
                now = self.behaviour
                half = len(chunk) // 2
                match now.how:
                    case "silent":
                        self._silenced.add(writer)
                        continue
                    case "delay":
                        await asyncio.sleep(now.delay_s)
                        writer.write(chunk)
                    case "halves":
                        writer.write(chunk[:half])
                        await writer.drain()
                        await asyncio.sleep(now.delay_s)
                        writer.write(chunk[half:])
                    case "torn":
                        writer.write(chunk[:half])
                        await writer.drain()
                        writer.transport.abort()
                        return
                    case "cut":
                        writer.transport.abort()
                        return
                    case "well":
                        writer.write(chunk)
                await writer.drain()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for writer in list(self._open):
                writer.transport.abort()


@asynccontextmanager
async def proxying(target: int) -> AsyncGenerator[Proxy]:
    proxy = Proxy(target)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
