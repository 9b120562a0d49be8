"""`python -m services.reporting`: the reporting service in a process of its own."""

from services.reporting.app import create_app
from shared.service import run

if __name__ == "__main__":
    run("reporting", create_app)
