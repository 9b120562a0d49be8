"""Two processes of the service share its work: nothing is lost between them, and both boards say the same."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from deploy.local.processes import free_port
from shared import outbox
from shared.clock import write_anchor
from shared.database import Database
from shared.events import Event, source_of
from shared.outbox import Outgoing
from tests.kit import reporting as small
from tests.kit.kafka import eventually
from tests.kit.reporting import COUNTER, DAY, OPD, Staff, at
from tests.kit.services import Signer

PEOPLE = 60


@asynccontextmanager
async def process(kafka: str, db: Database, state: Path, signer: Signer) -> AsyncGenerator[httpx.AsyncClient]:
    """One process of the service, and a client of it that reads the city."""
    port = free_port()
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.reporting",
        env={
            **os.environ,
            "HADIR_REPORTING_DATABASE_URL": db.url,
            "HADIR_KAFKA_BOOTSTRAP": kafka,
            "HADIR_TOKEN_PUBLIC_KEY_FILE": str(signer.public_file(state)),
            "HADIR_STATE_DIR": str(state),
            "HADIR_PORT": str(port),
        },
        stderr=asyncio.subprocess.DEVNULL,
    )
    url, headers = f"http://127.0.0.1:{port}", signer.headers("bkpsdm")
    try:
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:

            async def ready() -> bool:
                try:
                    return (await client.get("/reporting/readyz")).status_code == 200
                except httpx.ConnectError:
                    return False

            await eventually(ready)
            yield client
    finally:
        if running.returncode is None:
            running.terminate()
            await running.wait()


class Board:
    """The newest frame of each view, as a browser has it."""

    def __init__(self) -> None:
        self.views: dict[str, Any] = {}

    async def follow(self, client: httpx.AsyncClient) -> None:
        async with client.stream("GET", "/reporting/v1/stream") as response:
            name = ""
            async for line in response.aiter_lines():
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    self.views[name] = json.loads(value)


async def publish(db: Database, *events: Event, owner: str) -> None:
    """As the owner of these events would, by the relay of whichever process leads."""
    async with db.transaction() as tx:
        outgoing = [Outgoing(event, uuid4(), at("08:59")) for event in events]
        await outbox.add(tx, outgoing, source=source_of(owner))


async def test_two_processes_share_the_facts_and_both_boards_say_what_the_doors_say(
    kafka: str, database_for: Callable[[str], Awaitable[Database]], tmp_path: Path
) -> None:
    db, signer, staff = await database_for("reporting"), Signer(), Staff.new()
    write_anchor(tmp_path / "clock.json", business=at("09:00"), wall=time.time(), speed=0)
    people = [uuid4() for _ in range(PEOPLE)]
    async with (
        asyncio.timeout(240),
        process(kafka, db, tmp_path, signer) as one,
        process(kafka, db, tmp_path, signer) as other,
        asyncio.TaskGroup() as following,
    ):
        boards = [Board(), Board()]
        tasks = [
            following.create_task(board.follow(client)) for board, client in zip(boards, (one, other), strict=True)
        ]
        of_scheduling = [event for event in small.city(staff) if event.topic != "attendance.recorded.v1"]
        plans = [small.plan(person, OPD, COUNTER) for person in people]
        await publish(db, *of_scheduling, *plans, owner="scheduling")
        for person in people:
            await publish(db, small.check_in(person, "07:20"), owner="attendance")
            await asyncio.sleep(0.01)

        async def all_shown() -> bool:
            doors = {
                view: [
                    (await client.get(f"/reporting/v1/{view}", params={"date": str(DAY)})).json()
                    for client in (one, other)
                ]
                for view in ("city", "opds", "units")
            }
            here = next((opd for opd in doors["opds"][0]["items"] if opd["opd_code"] == OPD), None)
            return (
                here is not None
                and here["duties"]["on_time"]["met"] >= PEOPLE
                and all(board.views.get(view) for board in boards for view in doors)
                and all(said == board.views["city"] for said, board in zip(doors["city"], boards, strict=True))
                and all(
                    said["items"] == board.views["opds"]["items"]
                    for said, board in zip(doors["opds"], boards, strict=True)
                )
                and all(
                    said["items"] == board.views["units"]["items"]
                    for said, board in zip(doors["units"], boards, strict=True)
                )
                and boards[0].views == boards[1].views
            )

        await eventually(all_shown)
        for task in tasks:
            task.cancel()
