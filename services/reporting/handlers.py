"""What reporting reads: every topic whose events are facts."""

from services.reporting import facts
from shared.bus import Router

router = Router()

GROUP = "reporting.facts"

router.batch(*facts.PROJECTION.topics, group=GROUP)(facts.take_in)
