"""Tables of the notifications service.

`recipient`, `unit`, `plan`, `review`, `duty_state`, `counter` and `outage` are folded from events (newest of
each fact key). `message` is what people were told, `preference` is what they asked for.

No name, NIP, address or phone number is kept here: a message is addressed by employee_id.
"""

import datetime as dt
import re
import uuid
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Date, DateTime, Identity, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import declared_attr, registry
from sqlmodel import Field, SQLModel

from shared.messages import Language

INSTANT = DateTime(timezone=True)


class Base(SQLModel, registry=registry()):
    """A registry of its own: four services share a process, and each sees only its own tables.

    A table is named after its class: DutyState is duty_state.
    """

    # SQLModel's own declaration of this attribute does not fit SQLAlchemy's types either.
    @declared_attr  # pyright: ignore[reportArgumentType]
    def __tablename__(cls) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


class Recipient(Base, table=True):
    """Who someone reports to and what they head; nothing else of the directory."""

    employee_id: uuid.UUID = Field(primary_key=True)
    opd_code: str | None = Field(default=None, sa_type=Text)
    unit_id: str | None = Field(default=None, sa_type=Text)
    supervisor_id: uuid.UUID | None = Field(default=None)
    acting_supervisor_id: uuid.UUID | None = Field(default=None)
    heads: list[str] = Field(sa_type=JSONB)
    active: bool
    revision: int = Field(sa_type=BigInteger)
    ce_id: uuid.UUID

    __table_args__ = (
        Index("recipient_unit", "unit_id"),
        Index("recipient_opd", "opd_code"),
        Index("recipient_heads", "heads", postgresql_using="gin"),
    )


class Unit(Base, table=True):
    """The name of a unit, for texts."""

    unit_id: str = Field(sa_type=Text, primary_key=True)
    opd_code: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    revision: int = Field(sa_type=BigInteger)
    ce_id: uuid.UUID


class Plan(Base, table=True):
    """The plan as last heard, to see whether a new one really differs."""

    employee_id: uuid.UUID = Field(primary_key=True)
    work_date: dt.date = Field(sa_type=Date, primary_key=True)
    opd_code: str = Field(sa_type=Text)
    unit_id: str = Field(sa_type=Text)
    mode: str = Field(sa_type=Text)
    starts_at: dt.datetime | None = Field(default=None, sa_type=INSTANT)
    ends_at: dt.datetime | None = Field(default=None, sa_type=INSTANT)
    revision: int = Field(sa_type=BigInteger)
    ce_id: uuid.UUID

    __table_args__ = (Index("plan_work_date", "work_date"),)


class Review(Base, table=True):
    """The newest decision on one revision of a report."""

    report_id: uuid.UUID = Field(primary_key=True)
    report_revision: int = Field(sa_type=BigInteger, primary_key=True)
    work_date: dt.date = Field(sa_type=Date)
    content: str | None = Field(default=None, sa_type=Text)
    """A digest of what was decided; null when it was heard before this was kept."""
    revision: int = Field(sa_type=BigInteger)
    ce_id: uuid.UUID

    __table_args__ = (Index("review_work_date", "work_date"),)


class DutyState(Base, table=True):
    """The state of one duty of one person-day as last heard."""

    employee_id: uuid.UUID = Field(primary_key=True)
    work_date: dt.date = Field(sa_type=Date, primary_key=True)
    duty: str = Field(sa_type=Text, primary_key=True)
    state: str = Field(sa_type=Text)
    revision: int = Field(sa_type=BigInteger)
    ce_id: uuid.UUID

    __table_args__ = (Index("duty_state_work_date", "work_date"),)


class Counter(Base, table=True):
    """A service point's counter as last heard; `alert` is the event by which people were told that it is short."""

    unit_id: str = Field(sa_type=Text, primary_key=True)
    opd_code: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    required: int = Field(sa_type=BigInteger)
    present_low: int = Field(sa_type=BigInteger)
    as_of: dt.datetime = Field(sa_type=INSTANT)
    alert: uuid.UUID | None = Field(default=None)
    heard_at: dt.datetime = Field(sa_type=INSTANT)
    revision: int = Field(sa_type=BigInteger)
    ce_id: uuid.UUID


class Outage(Base, table=True):
    """An outage as last heard."""

    outage_id: uuid.UUID = Field(primary_key=True)
    scope: dict[str, Any] = Field(sa_type=JSONB)
    starts_at: dt.datetime = Field(sa_type=INSTANT)
    ends_at: dt.datetime = Field(sa_type=INSTANT)
    reason: str = Field(sa_type=Text)
    revoked: bool
    heard_at: dt.datetime = Field(sa_type=INSTANT)
    revision: int = Field(sa_type=BigInteger)
    ce_id: uuid.UUID


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
