"""Events in: everything that may concern someone, in one group, so that each batch is one transaction."""

from services.notifications import facts
from services.notifications.commands import notices
from shared.bus import Router

router = Router()

router.batch(*facts.PROJECTION.topics, group="notifications.facts")(notices.tell)
