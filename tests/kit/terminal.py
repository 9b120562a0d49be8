"""A fingerprint terminal, simulated down to the bytes: it speaks over its own socket, keeps what it has not been
told OK for, and sends that again. Its clock is its own."""

import asyncio
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

WIB = dt.timezone(dt.timedelta(hours=7))


@dataclass(frozen=True)
class Answer:
    """What a server said, as a terminal sees it."""

    status: int
    headers: dict[str, str]
    text: str
    dates: int
    """How many Date headers there were: firmware takes one, and nobody knows which."""

    @property
    def ok(self) -> bool:
        return self.status == 200 and self.text.startswith("OK")


class CutError(ConnectionError):
    """The line went dead before an answer came."""


@dataclass
class Terminal:
    """`port` is where the city's server listens; `display` what its clock shows (no zone)."""

    serial: str
    port: int
    host: str = "127.0.0.1"
    path: str = "/iclock"
    crlf: bool = False
    stamp: int = 0
    memory: list[str] = field(default_factory=list[str])
    options: dict[str, str] = field(default_factory=dict[str, str])

    async def say(
        self, method: str, target: str, body: bytes | None = None, *, cut_after: int | None = None
    ) -> Answer:
        """One request as firmware writes it. `cut_after`: so many bytes of the body leave, then the line is dead;
        0 and more than the body's length: all leave, and the answer is not waited for."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            head = f"{method} {self.path}{target} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n"
            head += "User-Agent: iClock Proxy/1.09\r\nConnection: close\r\nAccept: */*\r\n"
            if body is not None:
                head += f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
            writer.write(head.encode("ascii") + b"\r\n")
            if body is not None:
                writer.write(body if cut_after is None else body[:cut_after])
            await writer.drain()
            if cut_after is not None:
                await asyncio.sleep(0)
                raise CutError
            return _read(await asyncio.wait_for(reader.read(), 60))
        finally:
            writer.close()

    async def introduce(self, more: str = "") -> Answer:
        """What it does when it is switched on: it takes the options, if they are options."""
        answer = await self.say(
            "GET", f"/cdata?SN={self.serial}&options=all&language=69&pushver=2.4.1&DeviceType=att{more}"
        )
        first, *lines = answer.text.replace("\r", "").split("\n")
        if answer.status == 200 and first == f"GET OPTION FROM: {self.serial}":
            self.options = dict(line.split("=", 1) for line in lines if "=" in line)
        return answer

    async def poll(self) -> Answer:
        return await self.say("GET", f"/getrequest?SN={self.serial}")

    def tap(self, pin: str, at: dt.datetime, state: int = 0) -> str:
        """Somebody put their finger on it while its clock showed `at`."""
        line = f"{pin}\t{at:%Y-%m-%d %H:%M:%S}\t{state}\t1\t0\t0\t0"
        self.memory.append(line)
        return line

    async def send(self, *, cut_after: int | None = None) -> Answer:
        """Send what it has not been told OK for; with OK that is sent, with anything else it is kept."""
        waiting = list(self.memory)
        answer = await self.upload("ATTLOG", waiting, cut_after=cut_after)
        if answer.ok:
            del self.memory[: len(waiting)]
        return answer

    async def upload(self, table: str, lines: Sequence[str], *, cut_after: int | None = None) -> Answer:
        self.stamp += 1
        end = "\r\n" if self.crlf else "\n"
        body = "".join(line + end for line in lines).encode()
        stamp = f"&Stamp={self.stamp}" if table == "ATTLOG" else f"&OpStamp={self.stamp}"
        return await self.say("POST", f"/cdata?SN={self.serial}&table={table}{stamp}", body, cut_after=cut_after)


def _read(raw: bytes) -> Answer:
    if not raw:
        raise CutError
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = _unchunked(body)
    dates = sum(line.lower().startswith("date:") for line in lines)
    return Answer(int(first.split(" ")[1]), headers, body.decode("utf-8", "replace"), dates)


def _unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        whole, body = whole + rest[:length], rest[length + 2 :]
        if length == 0:
            break
    return whole
