"""The pure rules of attendance. No clock, no I/O: times come in as arguments."""

import datetime as dt
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from shared.events.base import Instant

Moment = Annotated[Instant, AfterValidator(lambda value: value.astimezone(dt.UTC))]
"""An instant, kept and published in UTC whatever offset it came with."""


class Exact(BaseModel):
    """What is handed in: a misspelt field is an error, not silence, and a number is no substitute for a time."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
