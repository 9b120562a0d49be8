"""The doors of attendance: how they read what they are given."""

from typing import Annotated

from fastapi import Depends

from shared.bodies import described, read, unreadable
from shared.service import Service, service_of

__all__ = ["PREFIX", "Running", "described", "read", "unreadable"]

Running = Annotated[Service, Depends(service_of)]

PREFIX = "/attendance/v1"
