"""How long a check-in takes to be seen on the board, as a browser with the board open sees it.

The stream says how many people have a decided `place` duty: met, not_met or unknown. Before the first plan of the
day ends, that is exactly the number of people who have checked in. So the k-th receipt (by wall time) was visible
with the first update that counts k or more. Both times are read off this process's clock, the receipt's after its
whole answer was there: what is measured is between the answer at the app and the update at the browser.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import aiohttp

from demo.client import Client, Who
from demo.ledger import instant


@dataclass(frozen=True)
class Update:
    wall: float
    as_of: datetime
    checked_in: int


class Watcher:
    """A browser that keeps the city board open."""

    def __init__(self, client: Client, who: Who, day: date) -> None:
        self._client = client
        self._who = who
        self._day = day
        self.updates: list[Update] = []
        self.connections = 0

    async def run(self) -> None:
        """Reads the stream until cancelled, and connects again as an EventSource does."""
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with self._client.stream(self._who, "/reporting/v1/stream") as response:
                    if response.status == 200:
                        self.connections += 1
                        await self._read(response)
            await asyncio.sleep(0.5)

    async def _read(self, response: aiohttp.ClientResponse) -> None:
        async for name, data in events(response.content):
            if name != "city":
                continue
            view: dict[str, Any] = json.loads(data)
            if view["date"] != self._day.isoformat():
                continue
            place = view["duties"]["place"]
            decided = place["met"] + place["not_met"] + place["unknown"]
            self.updates.append(Update(time.time(), instant(view["as_of"]), decided))


async def events(lines: aiohttp.StreamReader) -> AsyncIterator[tuple[str, str]]:
    """The (event, data) pairs of a text/event-stream (WHATWG HTML, section 9.2)."""
    name, data = "message", ""
    buffer = b""
    async for chunk in lines.iter_any():
        buffer += chunk
        *whole, buffer = buffer.split(b"\n")
        for raw in whole:
            line = raw.decode().rstrip("\r")
            if not line:
                if data:
                    yield name, data
                name, data = "message", ""
            elif line.startswith("event:"):
                name = line[6:].strip()
            elif line.startswith("data:"):
                data += line[5:].strip()


def delays(receipts: Iterable[float], updates: Iterable[Update], *, before: datetime) -> list[float]:
    """Seconds from each receipt to the first update that counts it; `before` is when the first plan ends."""
    seen: list[float] = []
    shown = iter(sorted((u for u in updates if u.as_of < before), key=lambda u: u.wall))
    update = next(shown, None)
    for k, wall in enumerate(sorted(receipts), start=1):
        while update is not None and update.checked_in < k:
            update = next(shown, None)
        if update is None:
            break
        seen.append(max(0.0, update.wall - wall))
    return seen


def quantile(values: list[float], share: float) -> float | None:
    """The value below which `share` of them lie; None for no values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
