"""The one catalogue of what people read: `messages.toml`, Bahasa Indonesia first, English beside it."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Literal

Language = Literal["id", "en"]


@cache
def catalogue() -> dict[str, dict[str, str]]:
    """Message code -> language -> text with `{name}` places."""
    with (Path(__file__).parent / "messages.toml").open("rb") as file:
        return tomllib.load(file)


def text(code: str, language: Language = "id", **params: Any) -> str:
    """The message `code` with `params` put in. Raises KeyError for a code or a parameter that is not there."""
    return catalogue()[code][language].format(**params)


def language_of(accept_language: str | None) -> Language:
    """English for those who ask for it first, else Bahasa Indonesia."""
    return "en" if accept_language and accept_language.strip().lower().startswith("en") else "id"
