"""A link in a letter is followed: by a person who pressed its button, or by their reader of mail (RFC 8058)."""

import datetime as dt
from dataclasses import replace

from services.notifications.commands import acknowledge
from services.notifications.domain.links import Acknowledge, Confirm, End, Link, Unsubscribe
from services.notifications.store import boxes as store
from services.notifications.store import preferences, subscriptions
from services.notifications.views.links import Shown, look
from shared.database import Tx
from shared.refusals import Conflict, Missing


async def follow(tx: Tx, link: Link, now: dt.datetime) -> Shown:
    """Do what a link says, if it may be done; the same again changes nothing. `now`: business time."""
    shown = await look(tx, link, now)
    if shown.state != "ask":
        return shown
    match link:
        case Acknowledge(notification_id, employee_id, _):
            try:
                await acknowledge.acknowledge(tx, employee_id, notification_id, now)
            except (Missing, Conflict):
                return replace(shown, state="gone")
        case Unsubscribe(employee_id, _):
            for kind in shown.kinds:
                await preferences.mute(tx, employee_id, kind, "email")
        case Confirm(subscription_id, _):
            await subscriptions.confirm(tx, subscription_id, now)
        case End(subscription_id):
            await store.end(tx, subscription_id)
    return replace(shown, state="done")
