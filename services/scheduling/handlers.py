"""What scheduling reads: which counters have spent their error budget."""

from services.scheduling.commands import facts
from services.scheduling.facts import PROJECTION
from shared.bus import Router

router = Router()

router.batch(*PROJECTION.topics, group="scheduling.facts")(facts.take_in)
