"""A pack's document as PDF: tagged (PDF/UA-1), and the same bytes from the same blocks on every machine.

Typst brings its typesetter and fonts in one wheel: nothing of the machine (its fonts, libraries, language, time
zone) gets into the file. The template takes all texts as data, so nothing in them is markup.
"""

import json
from pathlib import Path

from services.reporting.views.packs.document import Document

_TEMPLATE = Path(__file__).with_name("pack.typ")


def as_pdf(document: Document) -> bytes:
    """Some hundredths of a second for each hundred rows, without the interpreter's lock."""
    import typst  # eighty megabytes of code, for those who print

    return typst.compile(
        _TEMPLATE.read_bytes(),
        format="pdf",
        sys_inputs={"document": json.dumps(document.plain())},
        ignore_system_fonts=True,
        pdf_standards="ua-1",
    )
