"""A small HTTP/1.1 load generator: keep-alive connections that send prepared requests and time the answers.

Deliberately bare: it must cost less than the server it loads, on a machine of two cores.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Answers:
    """What came back: how many of each status, each request's latency, and when its answer came.

    latencies_s are seconds from sending to answer; finished are Unix times, in answer order.
    """

    statuses: Counter[int] = field(default_factory=Counter[int])
    latencies_s: list[float] = field(default_factory=list[float])
    finished: list[float] = field(default_factory=list[float])
    elapsed_s: float = 0.0


def request(path: str, body: bytes, token: str, host: str = "127.0.0.1", method: str = "POST") -> bytes:
    """The bytes of one request with a JSON body."""
    head = (
        f"{method} {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def run(
    host: str,
    port: int,
    requests: Sequence[bytes],
    *,
    connections: int = 64,
    rate: float | None = None,
    due: Sequence[float] | None = None,
) -> Answers:
    """Send every request once. With `rate`, request i is due i/rate seconds after the start, with `due` after so
    many; its latency counts from when it was due, so that a server that stalls is not forgiven the requests it
    kept waiting."""
    answers = Answers()
    if rate is not None:
        due = [number / rate for number in range(len(requests))]
    started = time.perf_counter()
    pending = iter(enumerate(requests))

    async def worker() -> None:
        reader, writer = await asyncio.open_connection(host, port)
        try:
            for number, message in pending:
                at = time.perf_counter() if due is None else started + due[number]
                if (ahead := at - time.perf_counter()) > 0:
                    await asyncio.sleep(ahead)
                writer.write(message)
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]
                await reader.readexactly(int(length))
                answers.statuses[int(head[9:12])] += 1
                answers.latencies_s.append(time.perf_counter() - at)
                answers.finished.append(time.time())
        finally:
            writer.close()

    await asyncio.gather(*(worker() for _ in range(connections)))
    answers.elapsed_s = time.perf_counter() - started
    return answers
