"""Packs are asked for, and made one after another; what was made once is kept."""

import asyncio
import datetime as dt
import logging
from collections.abc import Callable

from services.reporting.domain.periods import Period
from services.reporting.store import packs as store
from services.reporting.views.packs.figures import PackFigures, read
from services.reporting.views.packs.kept import PackOrder, shown
from services.reporting.views.packs.made import Pack, made
from services.reporting.views.packs.manifest import MANIFEST_TYPE, NAME
from shared import failures
from shared.database import Database
from shared.proof_keys import ProofKeys
from shared.refusals import Conflict

log = logging.getLogger(__name__)

MOST_A_DAY = 100
"""So many packs may be asked for within a day: each stays, and takes about a megabyte."""
TOLD_EVERY_S = 1.0


async def order(
    db: Database, now: dt.datetime, period: Period, as_of: dt.datetime, *, now_meant: bool
) -> PackOrder:
    """Ask for a pack. The same again is the same pack; and one of now (`now_meant`) is the one that is being made.

    Raises Conflict where more were asked for within a day than anybody reads.
    """
    async with db.transaction() as tx:
        await store.alone(tx)
        key = (period.first, period.last, as_of)
        held = await store.of_key(tx, *key)
        if held is None and now_meant:
            held = await store.waiting(tx, period.first, period.last)
        if held is None or held.failure is not None:
            if await store.ordered_since(tx, now - dt.timedelta(days=1)) >= MOST_A_DAY:
                raise Conflict("pack.enough", params={"most": MOST_A_DAY})
            await store.order(tx, *key, now)
            held = await store.of_key(tx, *key)
        assert held is not None  # noqa: S101 - it was just put
        return shown(held)


async def make(
    db: Database, keys: ProofKeys, period: Period, as_of: dt.datetime, progress: Callable[[int, int], None]
) -> Pack:
    """A pack of one snapshot of the facts. `progress` hears how many of its dates are read."""
    async with db.read() as tx:
        figures: PackFigures = await read(tx, period, as_of, progress)
    return await asyncio.to_thread(made, figures, keys)


async def make_next(db: Database, keys: ProofKeys) -> bool:
    """Make the pack that has waited for longest, and keep it. False where none waits, or another process is at it.

    One that cannot be made is given up, so that the others come in; it may be asked for again.
    """
    async with db.read() as tx:
        if await store.waiting(tx) is None:
            return False
    async with db.alone("hadir.packs") as mine:
        async with db.read() as tx:
            one = await store.waiting(tx)
        if not mine or one is None:
            return False
        try:
            await _make(db, keys, one)
        except Exception as error:
            if failures.is_away(error):
                raise
            log.exception("a pack was given up: %s to %s as of %s", *one.key)
            async with db.transaction() as tx:
                await store.give_up(tx, one, type(error).__name__)
    return True


async def _make(db: Database, keys: ProofKeys, one: store.Order) -> None:
    read_so_far = 0

    def heard(done: int, _of: int) -> None:
        nonlocal read_so_far
        read_so_far = done

    async def tell() -> None:
        told = 0
        while True:
            await asyncio.sleep(TOLD_EVERY_S)
            if read_so_far > told:
                told = read_so_far
                async with db.transaction() as tx:
                    await store.progress(tx, one, told)

    telling = asyncio.create_task(tell())
    try:
        pack = await make(db, keys, Period(one.first_date, one.last_date), one.as_of, heard)
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
    types = {NAME: MANIFEST_TYPE, **{file.name: file.media_type for file in pack.manifest.files}}
    files = {name: store.Body(types[name], body) for name, body in pack.everything().items()}
    async with db.transaction() as tx:
        await store.keep(tx, one, pack.manifest.pack_id, files)
