"""Tables of the notifications service beside its facts: `message` is what people were told, `preference` is what
they asked for.

No name, NIP, address or phone number is kept here: a message is addressed by employee_id.
"""

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Identity, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field

from shared.messages import Language
from shared.tables import Table

INSTANT = DateTime(timezone=True)


class Base(Table, registry=registry()):
    """The base of this service's tables: a registry of its own keeps the services' tables apart."""


class Message(Base, table=True):
    """One message to one person about one cause. Its text is rendered when it is read."""

    notification_id: uuid.UUID = Field(primary_key=True)
    place: int | None = Field(
        default=None, sa_type=BigInteger, sa_column_args=[Identity(always=True)], nullable=False
    )
    """Where it stands in the inbox: higher is newer."""
    employee_id: uuid.UUID
    kind: str = Field(sa_type=Text)
    cause_event_id: uuid.UUID
    subject: str | None = Field(default=None, sa_type=Text)
    """The unit or the outage it is about."""
    params: dict[str, Any] = Field(sa_type=JSONB)
    status: str = Field(sa_type=Text)
    at: dt.datetime = Field(sa_type=INSTANT)
    read_at: dt.datetime | None = Field(default=None, sa_type=INSTANT)

    __table_args__ = (
        UniqueConstraint("employee_id", "cause_event_id", "kind", name="message_once_per_cause"),
        CheckConstraint("status in ('delivered', 'suppressed')", name="message_status"),
        Index("message_inbox", "employee_id", "place", postgresql_where=text("status = 'delivered'")),
        Index("message_unread", "employee_id", postgresql_where=text("status = 'delivered' and read_at is null")),
        Index("message_subject", "subject", "place", postgresql_where=text("subject is not null")),
        Index("message_at", "at"),
    )


class Preference(Base, table=True):
    """What one person asked for. `language` null: as the request's Accept-Language says."""

    employee_id: uuid.UUID = Field(primary_key=True)
    language: Language | None = Field(default=None, sa_type=Text)
    muted_channels: list[str] = Field(sa_type=JSONB)
    muted_kinds: list[str] = Field(sa_type=JSONB)
