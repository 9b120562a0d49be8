"""What officers do with dead letters."""

import datetime as dt

from services.notifications.domain.delivery import GIVE_UP
from services.notifications.store import dead as store
from services.notifications.store import queue
from services.notifications.store.dead import Chosen
from shared import audit
from shared.access import Principal
from shared.database import Tx


async def replay(tx: Tx, who: Principal, chosen: Chosen, reason: str, now: dt.datetime) -> int:
    """Hand dead letters over again, as from now; how many."""
    letters = await store.replay(tx, chosen, GIVE_UP)
    if letters:
        await _note(tx, who, "delivery.replayed", chosen, reason=reason, now=now, letters=letters)
        await queue.wake(tx)
    return letters


async def drop(tx: Tx, who: Principal, chosen: Chosen, reason: str, now: dt.datetime) -> int:
    """Let dead letters go for good; how many."""
    letters = await store.drop(tx, chosen)
    if letters:
        await _note(tx, who, "delivery.dropped", chosen, reason=reason, now=now, letters=letters)
    return letters


async def _note(
    tx: Tx, who: Principal, action: str, chosen: Chosen, *, reason: str, now: dt.datetime, letters: int
) -> None:
    ids = None if chosen.ids is None else sorted(map(str, chosen.ids))
    detail = {"letters": letters, "ids": ids, "way": chosen.way, "kind": chosen.kind, "error": chosen.error}
    await audit.add(tx, now, who, action, subject=_about(chosen), reason=reason, detail=detail)


def _about(chosen: Chosen) -> str:
    """The one letter that is meant, or that they are many."""
    return str(next(iter(chosen.ids))) if chosen.ids is not None and len(chosen.ids) == 1 else "many"
