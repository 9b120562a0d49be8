"""The audit, with the names that attendance's door had first beside those that every service's has."""

from typing import Any

from pydantic import Field

from shared.audit import AuditRow


class AuditOut(AuditRow, frozen=True):
    """Who did what to whose record, when and why. `id`, `actor`, `details` are `audit_id`, `officer`, `detail`."""

    role: str
    reason: str
    id: int = Field(validation_alias="audit_id")
    actor: str = Field(validation_alias="officer")
    details: dict[str, Any] = Field(validation_alias="detail")
