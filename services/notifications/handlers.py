"""Events in: everything that may concern someone, in one group, so that each batch is one transaction."""

from services.notifications import facts, telling
from shared.bus import Router

router = Router()

router.batch(*facts.PROJECTION.topics, group="notifications.facts")(telling.tell)
