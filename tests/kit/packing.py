"""Packs, as the walk of all doors asks for them (see tests/kit/walk.py)."""

import asyncio
from collections.abc import Mapping

from tests.kit.walk import TODAY, Body, Made, Target, World, told

ASKED = {"from": str(TODAY), "to": str(TODAY), "as_of": f"{TODAY}T09:00:00+07:00"}
"""The same pack for whoever asks: it is made once."""


async def pack(world: World, _target: Target) -> str:
    """The id of a pack of today, made as it is for everybody."""
    while True:
        ordered = await world.call("POST", "/reporting/v1/packs", json=ASKED)
        if ordered["state"] != "making":
            assert ordered["state"] == "made"
            return ordered["pack_id"]
        await asyncio.sleep(0.05)


async def page(_world: World, _target: Target) -> str:
    return "pack-id.html"


PACKED: Mapping[str, Made] = {"pack_id": pack, "name": page}
PACKING: Mapping[str, Body] = {"POST /reporting/v1/packs": told(lambda _, __: ASKED)}
