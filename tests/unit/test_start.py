"""A service that was killed is waited for until it has loaded what it needs."""

import subprocess
import sys

from shared.events.base import SERVICES


def test_services_that_start_load_nothing_that_migrations_alone_need() -> None:
    apps = ", ".join(f"services.{service}.app" for service in SERVICES)
    told = f"import sys, {apps}; print(*{{name.split('.')[0] for name in sys.modules}})"
    said = subprocess.run([sys.executable, "-c", told], check=True, capture_output=True, text=True).stdout
    assert "sqlalchemy" in said.split(), "they were loaded"
    assert not {"alembic", "mako", "pygments"} & set(said.split())
