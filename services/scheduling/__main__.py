"""`python -m services.scheduling`."""

from services.scheduling.app import create_app
from shared.service import run

if __name__ == "__main__":
    run("scheduling", create_app)
