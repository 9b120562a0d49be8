"""What whoever decides on something at the command line says of it: who they are, why, and that they mean it."""

from typing import Annotated
from uuid import UUID

import typer


def _why(reason: str) -> str:
    if not reason.strip():
        raise typer.BadParameter("say why; it is in the audit")
    return reason


By = Annotated[UUID, typer.Option("--officer", help="employee_id of who decides it; it is in the audit")]
Why = Annotated[str, typer.Option("--reason", help="Why; it is in the audit", callback=_why)]
Really = Annotated[bool, typer.Option("--yes", help="Do it; else it is only said what would be done")]
