"""Settings of property tests."""

from typing import cast

from hypothesis import HealthCheck

SLOW_IS_FINE = cast("list[HealthCheck]", list(HealthCheck))
"""For `suppress_health_check`: an example that talks to a database is slow, and shares it with the others."""
