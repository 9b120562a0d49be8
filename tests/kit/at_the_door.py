"""What tests of terminals at the door do as officers, and what they look at."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import uvicorn

from shared.server import config
from tests.kit.attendance import Rig

SERIAL = "BAZR192360015"


@asynccontextmanager
async def listening(app: Any) -> AsyncGenerator[int]:
    """The port at which `app` answers."""
    server = uvicorn.Server(config(app, port=0, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving


async def register(rig: Rig, serial: str = SERIAL, **changes: Any) -> dict[str, Any]:
    given = {
        "name": "Lobi",
        "unit_id": "disdukcapil.loket",
        "commissioned_at": "2025-11-01T00:00:00+07:00",
        "reason": "dipasang di lobi",
        **changes,
    }
    answer = await rig.client.put(f"/attendance/v1/terminals/{serial}", json=given, headers=rig.token("bkpsdm"))
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


async def give(rig: Rig, *rows: tuple[str, UUID | str, str]) -> dict[str, Any]:
    lines = ["pin,employee_id,serial", *(",".join(map(str, row)) for row in rows)]
    answer = await rig.client.post(
        "/attendance/v1/terminal-pins", content="\n".join(lines), headers=rig.token("bkpsdm")
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def shown(rig: Rig, serial: str = SERIAL) -> dict[str, Any]:
    page = (await rig.client.get("/attendance/v1/terminals", headers=rig.token("bkpsdm"))).json()
    return next(one for one in page["items"] if one["serial"] == serial)


async def punches(rig: Rig) -> list[dict[str, Any]]:
    async with rig.db.read() as tx:
        rows = await tx.connection.fetch("select * from punch order by at, punch_id")
    return [dict(row) for row in rows]


async def replay(rig: Rig, serial: str = SERIAL) -> dict[str, Any]:
    answer = await rig.client.post(
        f"/attendance/v1/terminals/{serial}/replay",
        json={"reason": "sudah diperbaiki"},
        headers=rig.token("bkpsdm"),
    )
    assert answer.status_code == 200, answer.text
    return answer.json()
