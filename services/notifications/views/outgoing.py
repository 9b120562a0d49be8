"""Messages in words for those who carry them out of the house."""

from collections.abc import Collection
from dataclasses import replace
from uuid import UUID

from services.notifications.domain.params import outward
from services.notifications.store import outgoing as store
from services.notifications.store import rules
from services.notifications.store.escalation import waits
from services.notifications.views.wording import Worded
from services.notifications.views.wording import worded as in_words
from shared.database import Tx


async def worded(tx: Tx, ids: Collection[UUID]) -> dict[UUID, Worded]:
    """These messages, each in its reader's language; those that are gone are left out.

    Bahasa Indonesia where nobody chose. No id of another person is in them.
    """
    kinds = (await rules.current(tx)).kinds
    words: dict[UUID, Worded] = {}
    for row in await store.messages(tx, ids):
        said = in_words(row, row.language or "id", kinds[row.kind], subscribed=row.subscribed, waits=waits(row))
        words[row.notification_id] = replace(said, params=outward(row.params))
    return words
