"""The file of the OPD."""

from services.scheduling.commands.imports.kind import File, ImportKind, Taken
from services.scheduling.domain.records import Opd
from services.scheduling.store.records import Records
from shared.csvfile import identifier, once

KINDS = ("secretariat", "inspectorate", "dinas", "badan", "satuan", "rsud", "kecamatan")


class Opds(ImportKind[Opd]):
    name = "opds"
    required = ("opd_code", "name", "short_name", "kind", "direct_service")
    named = ("opd_code",)
    records = Records(Opd, "opd", key=("opd_code",))

    def read(self, file: File[Opd]) -> list[Taken[Opd]]:
        taken: list[Taken[Opd]] = []
        seen: dict[str, int] = {}
        for cells in file.lines():
            code = identifier(cells, "opd_code")
            opd = Opd(
                code,
                cells.text("name", free=True),
                cells.text("short_name", longest=64, free=True),
                cells.choice("kind", KINDS) or "",
                cells.choice("direct_service", ("none", "partial", "full")) or "",
            )
            once(seen, code, cells, "opd_code")
            taken.append(Taken(opd, (cells.row.number,)))
        return taken
