"""The kinds of files there are."""

from collections.abc import Mapping
from typing import Any, Literal, cast

from services.scheduling.commands.imports.absences import DutyTravel, Leave
from services.scheduling.commands.imports.employees import Employees
from services.scheduling.commands.imports.holidays import Holidays
from services.scheduling.commands.imports.kind import ImportKind
from services.scheduling.commands.imports.opds import Opds
from services.scheduling.commands.imports.requirements import Requirements
from services.scheduling.commands.imports.units import Units

Kind = Literal["opds", "units", "requirements", "employees", "holidays", "leave", "duty_travel"]
_ALL: tuple[ImportKind[Any], ...] = (
    Opds(),
    Units(),
    Requirements(),
    Employees(),
    Holidays(),
    Leave(),
    DutyTravel(),
)
KINDS: Mapping[Kind, ImportKind[Any]] = {cast("Kind", kind.name): kind for kind in _ALL}
