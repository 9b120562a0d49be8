"""What attendance reads: who there is, where units are, who is planned where."""

from services.attendance.commands import facts
from services.attendance.facts import PROJECTION
from shared.bus import Router

router = Router()

router.batch(*PROJECTION.topics, group="attendance.facts")(facts.take_in)
