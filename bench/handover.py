"""24,000 punches made offline are handed over when the network is back, as fast as they are taken.

Each by its own person's app, through the batch door; one app of five hears no answer and sends the same
again. `handover_lost` and `handover_doubled` are counted in attendance's record and in the facts of reporting.
"""

import json
import random
import uuid
from urllib.parse import urlsplit

import asyncpg

from bench import load
from bench.builds import this_build
from bench.harness import Figures, folder_of_its_own
from bench.system import MORNING, NOON, PATIENCE_S, Prepared, Up, prepared_city, up
from demo.client import Who
from demo.topics import all_read
from demo.watch import quantile
from deploy.local.state import State
from shared.events.base import ServiceName

CONNECTIONS = 64
AGAIN = 5
"""One app of so many sends its batch twice."""


def _batch(world: Prepared, here: Up, person: uuid.UUID) -> bytes:
    spot = world.city.units[world.city.employees[person].unit_id].place
    punch = {
        "punch_id": str(uuid.uuid4()),
        "kind": "in",
        "device_at": MORNING.isoformat(),
        "position": {"lat": spot.lat, "lon": spot.lon, "accuracy_m": 8.0},
    }
    body = json.dumps({"punches": [punch]}).encode()
    return load.request("/attendance/v1/punches/batch", body, here.client.token(Who("staff", person)))


async def _count(world: Prepared, here: Up, service: ServiceName, table: str) -> int:
    url = State(world.folder).database_url(service, here.postgres)
    connection: asyncpg.Connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(f"select count(*) from {table}")  # noqa: S608 - a name of ours
    finally:
        await connection.close()


async def measure(figures: Figures) -> None:
    """Once: nobody hands over the same queue anew."""
    with folder_of_its_own() as folder:
        world = await prepared_city(this_build(), folder)
        async with up(world.of, folder, NOON) as here:
            queues = [_batch(world, here, plan.employee_id) for plan in world.plans]
            sent = [*queues, *queues[::AGAIN]]
            random.Random(3).shuffle(sent)
            address = urlsplit(here.http)
            answers = await load.run(address.hostname or "", address.port or 0, sent, connections=CONNECTIONS)
            await all_read(here.kafka, within_s=PATIENCE_S)
            recorded = await _count(world, here, "attendance", "punch")
            facts = await _count(world, here, "reporting", "fact_punch")
        figures.append("handover_punches", float(len(queues)))
        figures.append("handover_elapsed_s", answers.elapsed_s)
        figures.append("handover_p99_s", quantile(answers.latencies_s, 0.99) or 0.0)
        figures.append("handover_unanswered", float(len(sent) - answers.statuses[200]))
        figures.append("handover_lost", float(sum(max(0, len(queues) - kept) for kept in (recorded, facts))))
        figures.append("handover_doubled", float(sum(max(0, kept - len(queues)) for kept in (recorded, facts))))
