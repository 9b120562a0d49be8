"""What a link in a letter would do, and what became of it, for the page that says so."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from services.notifications.domain.kinds import Kind
from services.notifications.domain.links import Acknowledge, Confirm, End, Link, Unsubscribe, digest
from services.notifications.store import boxes as store
from services.notifications.views import outgoing
from services.notifications.views.wording import Worded
from shared.database import Tx

State = Literal["ask", "old", "gone", "fixed", "done"]
"""`ask`: it may be followed; `gone`: what it is about is no more."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page of a link says."""

    does: Literal["acknowledge", "unsubscribe", "confirm", "end"]
    state: State
    message: Worded | None = None
    """What it is about."""
    kinds: Sequence[Kind] = ()
    """What is turned off."""
    kept: Sequence[Kind] = ()
    """What cannot be."""


async def look(tx: Tx, link: Link, now: dt.datetime) -> Shown:
    """What following a link would do. `now`: business time."""
    match link:
        case Acknowledge(notification_id, employee_id, _):
            if link.is_old(now):
                return Shown("acknowledge", "old")
            message = (await outgoing.worded(tx, [notification_id])).get(notification_id)
            asks = message is not None and message.acknowledge
            done = await store.saw_to_it(tx, notification_id) == employee_id
            return Shown("acknowledge", "done" if done else "ask" if asks else "gone", message)
        case Unsubscribe(employee_id, kinds):
            if not await store.is_here(tx, employee_id):
                return Shown("unsubscribe", "gone")
            fixed = await store.fixed_kinds(tx)
            off: list[Kind] = [kind for kind in kinds if kind not in fixed]
            kept: list[Kind] = [kind for kind in kinds if kind in fixed]
            return Shown("unsubscribe", "ask" if off else "fixed", None, off, kept)
        case Confirm(subscription_id, of):
            return Shown("confirm", _confirming(await store.subscribed(tx, subscription_id), of))
        case End(subscription_id):
            there = await store.subscribed(tx, subscription_id)
            return Shown("end", "ask" if there is not None and there.active else "done")


def _confirming(there: store.Subscribed | None, of: bytes) -> State:
    """How it stands with a subscription of the address `of`; an officer's stop is not undone by its letter."""
    if there is None or digest(there.address) != of:
        return "gone"
    if there.active:
        return "done"
    return "gone" if there.confirmed else "ask"
