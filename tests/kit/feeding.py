"""What comes to counters, as the walk of all doors tells it (see tests/kit/walk.py)."""

from collections.abc import Mapping

from tests.kit.walk import Body, told

FEEDING: Mapping[str, Body] = {
    "POST /reporting/v1/demand/imports": told(
        lambda _, target: (
            "unit_id,from,arrivals,mean_service_seconds,target_seconds\n"
            f"{target.unit},2025-11-06 08:30,12,300,600\n"
        )
    ),
    "PUT /reporting/v1/units/{unit_id}/demand/{date}": told(
        lambda _, __: {
            "items": [{"from": "08:30", "arrivals": 12, "mean_service_seconds": 300, "target_seconds": 600}]
        }
    ),
}
