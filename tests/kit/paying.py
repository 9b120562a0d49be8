"""What the walk of all doors sends to the doors of months and of what would follow from other rules."""

from collections.abc import Mapping

from tests.kit.walk import Body, told

PAYING: Mapping[str, Body] = {
    "POST /reporting/v1/what-if": told(
        lambda _, target: {
            "from": "2025-11-06",
            "to": "2025-11-06",
            "opd_codes": [target.opd],
            "rules": {"tolerance_minutes": 15},
        }
    ),
    "POST /reporting/v1/allowance/rates": told(lambda _, __: "kind,from_minutes,rate\nabsent,,0.04\n"),
}
