"""What reporting reads: every topic whose events are facts."""

from services.reporting.commands import facts
from services.reporting.facts import PROJECTION
from shared.bus import AT_ONCE, Router

router = Router()

GROUP = "reporting.facts"

router.batch(*PROJECTION.topics, group=GROUP, at_once=AT_ONCE)(facts.take_in)
