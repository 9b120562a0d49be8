"""The file of the units."""

from services.scheduling.commands.imports.kind import File, ImportKind, Taken, cleared, places
from services.scheduling.domain.records import Unit
from services.scheduling.store.records import Records
from shared.csvfile import identifier, once
from shared.events.base import MAX_PLACES

SLO = 0.99
"""The share of opening minutes that a service point has to keep its minimum in, where nobody says otherwise."""


class Units(ImportKind[Unit]):
    name = "units"
    required = ("unit_id", "opd_code", "name", "is_service_point", "direct_service")
    optional = ("places", "slo")
    named = ("unit_id",)
    records = Records(Unit, "unit", key=("unit_id",))
    sizes = True

    def read(self, file: File[Unit]) -> list[Taken[Unit]]:
        taken: list[Taken[Unit]] = []
        seen: dict[str, int] = {}
        known = file.known
        for cells in file.lines():
            unit_id = identifier(cells, "unit_id")
            opd_code = cells.text("opd_code")
            if opd_code and opd_code not in known.opds:
                cells.wrong("opd_code", "import.unknown_opd")
            elif known.unit_sizes.get(unit_id) and known.unit_opd[unit_id] != opd_code:
                cells.wrong("opd_code", "import.unit_has_people", opd=known.unit_opd[unit_id])
            before = file.stored.get(unit_id)
            kept = before or Unit(unit_id, opd_code, "", False, False, (), SLO)
            unit = Unit(
                unit_id,
                opd_code,
                cells.text("name", free=True),
                cells.boolean("is_service_point"),
                cells.boolean("direct_service"),
                places(cells, "places", most=MAX_PLACES) if cells.has("places") else kept.places,
                cells.number("slo", 0, 1, SLO) if cells.has("slo") else kept.slo,
            )
            once(seen, unit_id, cells, "unit_id")
            gone = cleared(cells, before, {"places": "places"})
            if cells.empty("slo") and kept.slo != SLO:
                gone = (*gone, "slo")
            taken.append(Taken(unit, (cells.row.number,), gone))
        return taken
