"""What notifications decides, without asking anything: who is told what, by which rule, how, and when."""

from pydantic import BaseModel, ConfigDict


class Exact(BaseModel):
    """What is handed in: a misspelt field is an error, not silence, and a number is no substitute for a time."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
