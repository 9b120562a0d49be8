"""The pure rules of reporting. No clock, no input or output: times come in as arguments."""

from pydantic import BaseModel, ConfigDict


class Exact(BaseModel):
    """What is handed in: a misspelt field is an error, not silence."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
