"""A pack's document as one HTML file: nothing of it is asked for elsewhere, and nothing in it runs."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from services.reporting.views.packs.document import Document

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def as_html(document: Document) -> bytes:
    return _templates.get_template("pack.html").render(document=document).encode()
