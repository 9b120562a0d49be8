"""Events of the notifications service."""

from typing import Literal

from shared.events.base import UUID, Code, Event, Instant


class NotificationSent(Event):
    topic = "notification.sent.v1"
    key_field = "employee_id"
    owner = "notifications"
    audience = "internal"
    description = "One message to one person over one channel, and what became of it."
    trigger = "Another event concerns the person."
    partitions = 6

    notification_id: UUID
    employee_id: UUID
    kind: Code
    channel: Literal["inbox", "email", "push", "webhook"]
    status: Literal["delivered", "failed", "suppressed"]
    cause_event_id: UUID
    at: Instant
