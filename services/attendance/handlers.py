"""What attendance reads: who there is, where units are, who is planned where."""

from services.attendance import facts
from shared.bus import Router

router = Router()

router.batch(*facts.PROJECTION.topics, group="attendance.facts")(facts.take_in)
