"""Templates of pages and letters: what they are given is escaped, and a place that lacks its value is an error."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup


def in_folder(folder: Path) -> Environment:
    """The templates of a folder."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def safe(text: str) -> Markup:
    """`text` of our own, which is not escaped."""
    return Markup(text)  # noqa: S704 - files of this repository
