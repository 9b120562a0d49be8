"""A pack: its figures as documents in both languages, tables and the manifest."""

from typing import NamedTuple

from services.reporting.views.packs.compose import composed
from services.reporting.views.packs.content import tables
from services.reporting.views.packs.figures import PackFigures
from services.reporting.views.packs.html import as_html
from services.reporting.views.packs.manifest import NAME, Manifest, signed
from services.reporting.views.packs.pdf import as_pdf
from services.reporting.views.packs.tables import as_csv
from shared.messages import LANGUAGES
from shared.proof_keys import ProofKeys


class Pack(NamedTuple):
    """The manifest, and every file by its name; the manifest's own is not among those that it names."""

    manifest: Manifest
    files: dict[str, bytes]

    def everything(self) -> dict[str, bytes]:
        """The files as they are handed out."""
        return {NAME: self.manifest.written(), **self.files}


def made(figures: PackFigures, keys: ProofKeys) -> Pack:
    """Pure in the figures and the key: the same give the same bytes. Takes a second of a processor, without the
    interpreter's lock for most of it: from an event loop, in a thread."""
    content = tables(figures)
    files = {table.file: as_csv(table) for table in content.all()}
    for language in LANGUAGES:
        document = composed(figures, content, language)
        files[f"pack-{language}.html"] = as_html(document)
        files[f"pack-{language}.pdf"] = as_pdf(document)
    basis = {
        "from": figures.period.first.isoformat(),
        "to": figures.period.last.isoformat(),
        **figures.vintage.model_dump(mode="json"),
    }
    return Pack(signed(basis, files, keys), files)
