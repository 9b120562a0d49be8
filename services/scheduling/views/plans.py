"""Plans as they are read."""

from collections.abc import Mapping
from typing import Any

from services.scheduling.domain.planning import public_reason


def without_personal_reason(row: Mapping[str, Any]) -> dict[str, Any]:
    """A plan as those read it who may not know what a reason says about the person."""
    return {**row, "reason": public_reason(row["reason"])}
