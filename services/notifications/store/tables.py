"""Tables of the notifications service beside its facts: `message` is what people were told, `delivery` how it
leaves the house, `subscription` who outside wants to hear, `preference` what people asked for, `push_device` on
which browsers they are pushed to, `followed_topic` which topics
other systems are sent, `rule` what officers changed of the rules, `escalation` what waits for somebody
to see to it.

No name and no NIP is kept here: a message is addressed by employee_id, or by subscription_id.
"""

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field

from services.notifications.domain.kinds import Answer, Channel, Kind, Way
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
    written_in: int = Field(sa_type=BigInteger)
    """The transaction that wrote it last, which the database fills in: who follows an inbox asks for what was
    written since, and places are no order of commits."""

    __table_args__ = (
        CheckConstraint("status in ('delivered', 'suppressed')", name="message_status"),
        Index("message_inbox", "employee_id", "place", postgresql_where=text("status = 'delivered'")),
        Index(
            "message_unread",
            "employee_id",
            "at",
            postgresql_where=text("status = 'delivered' and read_at is null"),
        ),
        Index("message_subject", "subject", "place", postgresql_where=text("subject is not null")),
        Index("message_at", "at"),
    )


class Preference(Base, table=True):
    """What one person asked for. `language` null: as the request's Accept-Language says."""

    employee_id: uuid.UUID = Field(primary_key=True)
    language: Language | None = Field(default=None, sa_type=Text)
    muted_channels: list[Channel] = Field(sa_type=JSONB)
    muted_kinds: list[Kind] = Field(sa_type=JSONB)
    muted: list[str] = Field(sa_type=JSONB, sa_column_kwargs={"server_default": "[]"})
    """`kind/channel`."""


class Delivery(Base, table=True):
    """One message on its way out to one recipient by one way: a row of a queue.

    Times are of the database's clock: a business clock may jump.
    """

    delivery_id: uuid.UUID = Field(primary_key=True)
    """Worked out of message and way, so that it is there once."""
    place: int | None = Field(
        default=None, sa_type=BigInteger, sa_column_args=[Identity(always=True)], nullable=False
    )
    """In this order a recipient gets what comes by one way."""
    notification_id: uuid.UUID
    way: Way = Field(sa_type=Text)
    recipient: uuid.UUID
    """An employee_id or a subscription_id."""
    kind: Kind = Field(sa_type=Text)
    cause_event_id: uuid.UUID
    urgent: bool
    state: str = Field(sa_type=Text)
    """`waiting`; `sending` until `lease_until`; `delivered`; `dead`: a dead letter, until it is replayed or
    dropped; `dropped`: nobody is there to get it, or wants it any more."""
    attempts: int
    due_at: dt.datetime = Field(sa_type=INSTANT)
    """Not before this. In the order of places of one recipient, way and urgency it never falls."""
    give_up_at: dt.datetime = Field(sa_type=INSTANT)
    """Not tried after this."""
    parcel: uuid.UUID | None = None
    """The first message of those that are, or were, handed over together."""
    lease_until: dt.datetime | None = Field(default=None, sa_type=INSTANT)
    reached: list[str] = Field(sa_type=ARRAY(Text))
    """The keys of the addresses that have it."""
    error: str | None = Field(default=None, sa_type=Text)
    """Of the last try, without an address, a name or a secret."""
    created_at: dt.datetime = Field(sa_type=INSTANT)
    ended_at: dt.datetime | None = Field(default=None, sa_type=INSTANT)

    __table_args__ = (
        CheckConstraint("way in ('email', 'push', 'webhook', 'gateway')", name="delivery_way"),
        CheckConstraint("state in ('waiting', 'sending', 'delivered', 'dead', 'dropped')", name="delivery_state"),
        Index(
            "delivery_open",
            "way",
            "recipient",
            "urgent",
            "place",
            postgresql_where=text("state in ('waiting', 'sending')"),
        ),
        Index("delivery_due", "way", "urgent", "due_at", postgresql_where=text("state in ('waiting', 'sending')")),
        Index(
            "delivery_lately",
            "recipient",
            "way",
            "ended_at",
            postgresql_where=text("state = 'delivered' and not urgent"),
        ),
        Index("delivery_dead", "place", postgresql_where=text("state = 'dead'")),
        Index("delivery_message", "notification_id"),
        Index("delivery_ended", "ended_at", postgresql_where=text("ended_at is not null")),
    )


class OpenWay(Base, table=True):
    """A way that is configured: messages go out by it."""

    __tablename__ = "open_way"  # pyright: ignore[reportAssignmentType] - SQLModel types it as a descriptor

    way: Way = Field(sa_type=Text, primary_key=True)


class Joined(Base, table=True):
    """A notice that became a part of a message that was not read yet: it never does so twice."""

    notice_id: uuid.UUID = Field(primary_key=True)
    notification_id: uuid.UUID = Field(foreign_key="message.notification_id", ondelete="CASCADE")

    __table_args__ = (Index("joined_message", "notification_id"),)


class Subscription(Base, table=True):
    """Another system, or an office, that asked for kinds of messages: by webhook, or by e-mail."""

    subscription_id: uuid.UUID = Field(primary_key=True)
    way: Way = Field(sa_type=Text)
    address: str = Field(sa_type=Text)
    """A URL, or an e-mail address."""
    kinds: list[str] = Field(sa_type=ARRAY(Text))
    opd_codes: list[str] | None = Field(default=None, sa_type=ARRAY(Text))
    """Only what concerns these OPDs; null for the whole city."""
    description: str = Field(sa_type=Text)
    language: Language = Field(sa_type=Text)
    active: bool
    """Whether anything is sent. Of an e-mail address never before `confirmed_at`."""
    created_by: uuid.UUID
    created_at: dt.datetime = Field(sa_type=INSTANT)
    confirmed_at: dt.datetime | None = Field(default=None, sa_type=INSTANT)
    """When the reader of an e-mail address said that they want it."""
    gone: bool = False
    """Stopped because its receiver said that it exists no more."""
    asked_address: str | None = Field(default=None, sa_type=Text)
    """Of e-mail: whom it was asked of, or is being asked, whether they want it."""
    asked: bool = False
    """Whether it was asked of them: by a letter that they have, or will never take."""
    asks: int = 0
    ask_at: dt.datetime | None = Field(default=None, sa_type=INSTANT)
    """When it is asked again, if it was not."""

    __table_args__ = (CheckConstraint("way in ('email', 'webhook')", name="subscription_way"),)


class FollowedTopic(Base, table=True):
    """A topic whose events a subscription is sent, and how far: offsets are the next of each partition."""

    subscription_id: uuid.UUID = Field(primary_key=True)
    topic: str = Field(primary_key=True, sa_type=Text)
    has: list[int] = Field(sa_type=ARRAY(BigInteger))
    """What lies before it the receiver has."""
    sending: list[int] | None = Field(default=None, sa_type=ARRAY(BigInteger))
    """Up to here it is being sent, or is to be sent again: the same events under the same `webhook-id`."""
    attempts: int = 0
    """Tries of what is being sent."""
    due_at: dt.datetime = Field(sa_type=INSTANT)
    """When it may next be sent something: in the time of the machine, not of business."""
    error: str | None = Field(default=None, sa_type=Text)
    """Of the last try; null after a success."""

    __table_args__ = (
        ForeignKeyConstraint(["subscription_id"], ["subscription.subscription_id"], ondelete="CASCADE"),
    )


class WebhookSecret(Base, table=True):
    """A secret by which a receiver knows that a webhook is ours. The message key gives it by the ids
    (`domain/webhooks.py`): whoever reads this table cannot sign."""

    secret_id: uuid.UUID = Field(primary_key=True)
    subscription_id: uuid.UUID
    created_by: uuid.UUID
    created_at: dt.datetime = Field(sa_type=INSTANT)
    retired_at: dt.datetime | None = Field(default=None, sa_type=INSTANT)
    """Nothing is signed by it any more."""

    __table_args__ = (Index("webhook_secret_subscription", "subscription_id"),)


class PushDevice(Base, table=True):
    """A browser that a person asked to be pushed to (RFC 8030, W3C Push API)."""

    device_id: uuid.UUID = Field(primary_key=True)
    employee_id: uuid.UUID
    endpoint: str = Field(sa_type=Text)
    """Where its push service takes messages for it. Whoever knows it may send there, so nobody is shown it."""
    p256dh: bytes = Field(sa_type=LargeBinary)
    auth: bytes = Field(sa_type=LargeBinary)
    vapid_key: str = Field(sa_type=Text)
    """Our public key that it was made for; pushes signed by another one do not reach it."""
    label: str = Field(sa_type=Text)
    since: dt.datetime = Field(sa_type=INSTANT)

    __table_args__ = (
        UniqueConstraint("endpoint", name="push_device_endpoint"),
        Index("push_device_person", "employee_id"),
    )


class Rule(Base, table=True):
    """One version of the rule of a kind, or of the limits (kind `*`). Rows are only added."""

    kind: str = Field(sa_type=Text, primary_key=True)
    version: int = Field(sa_type=BigInteger, primary_key=True)
    """From 1; what is shipped is version 0 and has no row."""
    content: dict[str, Any] | None = Field(sa_type=JSONB)
    """Null: what is shipped holds again."""
    changed_by: uuid.UUID
    changed_at: dt.datetime = Field(sa_type=INSTANT)
    reason: str = Field(sa_type=Text)


class Call(Base, table=True):
    """Somebody was asked to help at a counter, for one alert. Times are of the business clock."""

    call_id: uuid.UUID = Field(primary_key=True)
    cause_event_id: uuid.UUID
    """Of the alert: whoever got that sees the call."""
    unit_id: str = Field(sa_type=Text)
    employee_id: uuid.UUID
    called_by: uuid.UUID | None
    """Null once they are erased."""
    called_at: dt.datetime = Field(sa_type=INSTANT)
    until: dt.datetime | None = Field(default=None, sa_type=INSTANT)
    answer: Answer | None = Field(default=None, sa_type=Text)
    answered_at: dt.datetime | None = Field(default=None, sa_type=INSTANT)

    __table_args__ = (
        UniqueConstraint("cause_event_id", "employee_id", name="call_once_per_alert"),
        CheckConstraint("answer in ('yes', 'no')", name="call_answer"),
        Index("call_person", "employee_id", "called_at"),
        Index("call_at", "called_at"),
    )


class Escalation(Base, table=True):
    """A message that others get too, step by step, unless somebody sees to it. Times are of the business clock."""

    cause_event_id: uuid.UUID = Field(primary_key=True)
    kind: Kind = Field(sa_type=Text, primary_key=True)
    subject: str | None = Field(default=None, sa_type=Text)
    params: dict[str, Any] = Field(sa_type=JSONB)
    people: list[uuid.UUID] = Field(sa_type=ARRAY(Uuid))
    """Whom it is about; with `unit_id` and `opd_codes`, whom the words of the rule mean."""
    unit_id: str | None = Field(default=None, sa_type=Text)
    opd_codes: list[str] | None = Field(default=None, sa_type=ARRAY(Text))
    since: dt.datetime = Field(sa_type=INSTANT)
    """When the first were told."""
    step: int = Field(sa_type=BigInteger)
    """How many steps have been told."""
    due_at: dt.datetime | None = Field(default=None, sa_type=INSTANT)
    """When the next step is; null where there is none."""
    ended_at: dt.datetime | None = Field(default=None, sa_type=INSTANT)
    """When it was acknowledged, or was over."""
    acknowledged_by: uuid.UUID | None = None
    acknowledged_at: dt.datetime | None = Field(default=None, sa_type=INSTANT)

    __table_args__ = (
        Index("escalation_due", "due_at", postgresql_where=text("ended_at is null and due_at is not null")),
        Index("escalation_subject", "kind", "subject", postgresql_where=text("ended_at is null")),
    )


class Moment(Base, table=True):
    """What time has brought, and needs no second look: a kind of message, the date that it is about, and the
    instant (of business time) at which it was due."""

    kind: Kind = Field(primary_key=True, sa_type=Text)
    date: dt.date = Field(primary_key=True)
    due_at: dt.datetime = Field(primary_key=True, sa_type=INSTANT)
