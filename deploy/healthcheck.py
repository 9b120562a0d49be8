"""`python -m deploy.healthcheck SERVICE`: exit 0 if the service in this container is ready for requests."""

import os
import sys
import urllib.error
import urllib.request

TIMEOUT_S = 4


def healthy(service: str, port: str) -> bool:
    """Ask the service itself, over the way requests come."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{service}/readyz", timeout=TIMEOUT_S) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    raise SystemExit(0 if healthy(sys.argv[1], os.environ.get("HADIR_PORT", "8080")) else 1)
