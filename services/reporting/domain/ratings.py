"""The rating of a person's performance, from the result of their work and their behaviour. Pure.

Source of the quadrants: PermenPANRB 6/2022 on the performance management of civil servants.
"""

from collections.abc import Mapping
from typing import Literal

Measured = Literal["above", "at", "below"]
"""Against what was expected."""

Rating = Literal["very_good", "good", "needs_improvement", "poor", "very_poor"]
"""Sangat Baik, Baik, Butuh Perbaikan, Kurang, Sangat Kurang."""

_QUADRANTS: Mapping[Measured, Mapping[Measured, Rating]] = {
    # result: {behaviour: rating}
    "above": {"above": "very_good", "at": "good", "below": "poor"},
    "at": {"above": "good", "at": "good", "below": "poor"},
    "below": {"above": "needs_improvement", "at": "needs_improvement", "below": "very_poor"},
}


def rating(result: Measured, behaviour: Measured) -> Rating:
    """What both come to: behaviour below expectation is never made good by results, nor the other way round."""
    return _QUADRANTS[result][behaviour]
