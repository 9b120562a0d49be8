"""Asking for many at once, so that one who cannot be judged does not hide the others."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import asyncpg

from shared import failures
from shared.database import Tx

Item = TypeVar("Item")


async def each_that_can_be(
    tx: Tx, items: Sequence[Item], ask: Callable[[Sequence[Item]], Awaitable[list[asyncpg.Record]]]
) -> list[asyncpg.Record]:
    """What is asked of these items, half and half where that fails; whoever cannot be judged is left out.

    The drain names them, in health, a metric and the log. Raises a failure of the world, or of a wrong deploy.
    """
    found: list[asyncpg.Record] = []

    async def do(some: Sequence[Item]) -> None:
        async with tx.connection.transaction():  # a savepoint
            rows = await ask(some)
        found.extend(rows)

    if items:
        await failures.culprits(items, do)
    return found
