"""A server of a local system that is slow to come back is waited for; one that never came is not."""

import asyncio
from pathlib import Path

import pytest

from deploy.local import server
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
        monkeypatch.setattr(server, "START_TIMEOUT", 0.0)
        slow.after = 50
        await slow.start()
        assert slow.asked == 50
        with pytest.raises(StartFailed, match="was not ready"):
            await Slow(state).start()
    finally:
        await slow.stop()
