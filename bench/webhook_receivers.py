"""Two receivers of webhooks in a process of their own: one that takes its time, and one that does not.

Prints their ports; for each line on its input prints as JSON which ids came
to `slow` and to `quick`, and when (monotonic, s).
"""

import asyncio
import json
import sys
import time

from aiohttp import web

HOST = "127.0.0.1"


async def _serve(pace_s: float, came: dict[str, float], twice: list[str]) -> int:
    async def take(request: web.Request) -> web.Response:
        await request.read()
        if request.headers["webhook-id"] in came:
            twice.append(request.headers["webhook-id"])
        await asyncio.sleep(pace_s)
        came[request.headers["webhook-id"]] = time.monotonic()
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    return int(runner.addresses[0][1])


async def main(pace_s: float) -> None:
    came: dict[str, dict[str, float]] = {"slow": {}, "quick": {}}
    twice: list[str] = []
    ports = [await _serve(pace_s, came["slow"], twice), await _serve(0, came["quick"], twice)]
    print(json.dumps(ports), flush=True)
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        counts = {name: len(ids) for name, ids in came.items()}
        print(json.dumps({"counts": counts, "came": came, "twice": len(twice)}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
