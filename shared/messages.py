"""The catalogue of what people read: Bahasa Indonesia first, English beside it.

`messages.toml` beside this file holds what every service says; each service adds its own,
and those of its pages, when it is imported.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from string import Formatter
from typing import Any, Literal, get_args

Language = Literal["id", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

_catalogue: dict[str, dict[str, str]] = {}
_homes: dict[str, Path] = {}


def add(file: Path) -> None:
    """Take the messages of a file into the catalogue. Raises ValueError for a code that another file has."""
    with file.open("rb") as opened:
        given: dict[str, dict[str, str]] = tomllib.load(opened)
    for code, message in given.items():
        home = _homes.setdefault(code, file)
        if home != file:
            raise ValueError(
                f"{file}: the message {code!r} stands in {home} already; use it, or name another code"
            )
        _catalogue[code] = message


def catalogue() -> Mapping[str, Mapping[str, str]]:
    """Message code -> language -> text with `{name}` places, of every service that is imported."""
    return _catalogue


def text(code: str, language: Language = "id", /, **params: Any) -> str:
    """The message `code` with `params` put in, whatever they are called.

    Raises KeyError for a code or a parameter that is not there.
    """
    return _catalogue[code][language].format(**params)


def raw(code: str, language: Language = "id") -> str:
    """The message `code` with its places left open, for a page whose script puts them in."""
    return _catalogue[code][language]


def places(code: str) -> frozenset[str]:
    """The names of the parameters that the message takes."""
    return frozenset(name for _, name, _, _ in Formatter().parse(_catalogue[code]["id"]) if name)


def title(code: str, language: Language = "id") -> str:
    """What all cases of `code` have in common: its first sentence, without a place (RFC 9457, section 3.1.3)."""
    return _catalogue[code][language].split(". ")[0].removesuffix(".")


def heading(code: str, language: Language = "id", /, **params: Any) -> str:
    """The message `code` where it begins a line: with a capital."""
    words = text(code, language, **params)
    return words[:1].upper() + words[1:]


def language_of(accept_language: str | None) -> Language:
    """English for those who ask for it first, else Bahasa Indonesia."""
    return "en" if accept_language and accept_language.strip().lower().startswith("en") else "id"


add(Path(__file__).with_name("messages.toml"))
