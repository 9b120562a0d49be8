"""Which OPD and units a change is for, as the directory knows them."""

from collections.abc import Mapping, Sequence

from services.scheduling.domain.records import Known
from services.scheduling.store.directory import known
from shared.database import Tx
from shared.refusals import FieldError, Invalid

Named = Mapping[str, Sequence[str]]
"""By the field of the input, the codes that it names."""


async def check_known(tx: Tx, *, opds: Named, units: Named) -> Known:
    """What the directory knows. Raises Invalid for each OPD or unit that it does not, by field and position."""
    directory = await known(tx)
    errors = [
        FieldError(f"{field}.{index}", code, {"id": value})
        for fields, allowed, code in (
            (opds, directory.opds, "scope.unknown_opd"),
            (units, directory.unit_opd, "scope.unknown_unit"),
        )
        for field, values in fields.items()
        for index, value in enumerate(values)
        if value not in allowed
    ]
    if errors:
        raise Invalid("validation", errors=errors)
    return directory
