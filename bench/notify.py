"""What a message costs, and how soon it is there.

First the CPU time of a changed plan from its bytes to the inbox, in Python and in PostgreSQL: each turn tells the
same changes (`notify_world.py`) to a database of its own, by each build's own handler. Then, of this build alone,
how soon who heads a counter hears that it is short (`alerts.py`).
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path

from bench.alerts import Alerts
from bench.builds import Build
from bench.harness import Phases, Turn, machine

WORLD = Path(__file__).with_name("notify_world.py")


@asynccontextmanager
async def prepared(builds: Sequence[Build]) -> AsyncGenerator[Phases, None]:
    """A fresh database for each turn; a city for the alerts, once its turns have come."""
    async with machine() as here:
        numbers = count(1)
        alerts = Alerts(builds[0])

        async def cost(build: Build) -> dict[str, float]:
            url = await here.database(f"bench_notify_{next(numbers)}")
            await build.migrate(url, "notifications")
            # -P: no folder of this checkout stands before the build's own.
            return await build.child("-P", str(WORLD), url, here.admin_url)

        phases: dict[str, list[Turn]] = {build.name: [partial(cost, build)] for build in builds}
        phases["this"].append(alerts.turn)
        try:
            yield phases
        finally:
            await alerts.end()
