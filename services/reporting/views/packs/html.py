"""A pack's document as one HTML file: nothing of it is asked for elsewhere, and nothing in it runs."""

from pathlib import Path

from services.reporting.views.packs.document import Document
from shared import templates

_templates = templates.in_folder(Path(__file__).parent)


def as_html(document: Document) -> bytes:
    return _templates.get_template("pack.html").render(document=document).encode()
