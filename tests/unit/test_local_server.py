"""A server of a local system that is slow to come back is waited for; one that never came is not."""

import asyncio
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from deploy.local import kafka, server
from deploy.local.kafka import Kafka
from deploy.local.processes import Child, StartFailed
from deploy.local.server import Server
from deploy.local.state import State


class Slow(Server):
    """Answers from its `after`-th question on, counted from each start."""

    after = 1
    asked = 0

    async def start(self) -> None:
        async def on(_: int) -> Child:
            self.asked = 0
            pids, logs = self.state.pids, self.state.logs
            return Child(
                "slow", ["sleep", "60"], log=logs / "slow.log", pid_file=pids / "slow.json", cwd=Path("/")
            )

        await self.start_child("Slow", on)

    async def answers(self) -> bool:
        self.asked += 1
        await asyncio.sleep(0)
        return self.asked >= self.after


async def test_a_server_that_has_answered_before_is_waited_for_as_long_as_it_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_RETRY_S", 0.0)
    state = State(tmp_path / "state")
    state.create()
    slow = Slow(state)
    try:
        await slow.start()
        await slow.stop()
        slow.patience_s = 0.0
        slow.after = 50
        await slow.start()
        assert slow.asked == 50
        fresh = Slow(state)
        fresh.patience_s = 0.0
        with pytest.raises(StartFailed, match="was not ready"):
            await fresh.start()
    finally:
        await slow.stop()


async def test_a_client_that_never_ends_does_not_keep_a_broker_from_being_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = asyncio.Event()

    async def flushes_for_ever(_: str) -> None:
        while not ends.is_set():
            with suppress(asyncio.CancelledError):
                await ends.wait()

    monkeypatch.setattr(kafka, "_acknowledges", flushes_for_ever)
    monkeypatch.setattr(kafka, "ANSWERS_WITHIN_S", 0.01)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        broker = Kafka(State(tmp_path / "state"), taken.getsockname()[1])
        async with asyncio.timeout(30):
            assert not await broker.answers()
        ends.set()
