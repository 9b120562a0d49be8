"""A service whose parts are slow to end, as a process of its own: `python -m tests.faults.stubborn [never]`.

It tells on standard output what ended, in that order. With `never` a task and a thread of it do not end at all.
"""

import asyncio
import contextlib
import sys
import threading
from collections.abc import AsyncGenerator
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import StreamingResponse

from shared import service, stopping
from shared.database import Database
from shared.service import Service
from shared.settings import Settings

never = "never" in sys.argv
router = APIRouter(prefix="/attendance")


def say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


@router.get("/stream")
async def stream() -> StreamingResponse:
    async def told() -> AsyncGenerator[str]:
        try:
            while True:
                yield "data: on and on\n\n"
                await asyncio.sleep(0.05)
        finally:
            say("stream")

    return StreamingResponse(told(), media_type="text/event-stream")


async def slow(_: Service) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0.5)
        say("task")
        while never:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)


async def close(db: Database, really: Any = Database.close) -> None:
    await really(db)
    say("database")


def app(settings: Settings) -> FastAPI:
    if never:
        threading.Thread(target=threading.Event().wait).start()
    return service.build(settings, routers=[router], tasks={"slow": slow})


if __name__ == "__main__":
    # The same steps in a fifth of the time.
    stopping.GRACE_S, service.FOR_THE_REST_S, service.FOR_THE_DATABASE_S = 4.0, 2.0, 1.0
    Database.close = close  # pyright: ignore[reportAttributeAccessIssue]
    service.run("attendance", app)
