"""What attendance reads: who there is, where units are, who is planned where."""

from services.attendance.commands import facts
from services.attendance.facts import PROJECTION
from shared.bus import AT_ONCE, Router

router = Router()

router.batch(*PROJECTION.topics, group="attendance.facts", at_once=AT_ONCE)(facts.take_in)
