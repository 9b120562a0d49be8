"""Events of the notifications service."""

from typing import Literal

from shared.events.base import UUID, Code, Event, Instant


class NotificationSent(Event):
    topic = "notification.sent.v1"
    key_field = "employee_id"
    owner = "notifications"
    audience = "internal"
    fact = ()
    description = "One message to one person over one channel, and what became of it."
    trigger = "Another event concerns the person."
    partitions = 6
    example = {
        "notification_id": "0193a5b0-11d2-7c3e-8f40-5d2a9c7b1e01",
        "employee_id": "0192f1d4-7c1e-7b57-9d43-0a6f3c6f1c55",
        "kind": "counter_short",
        "channel": "push",
        "status": "delivered",
        "cause_event_id": "0193a5b0-22e4-7a10-9b51-7c3f8d6e2f02",
        "at": "2025-11-06T10:12:02+07:00",
    }

    notification_id: UUID
    employee_id: UUID
    kind: Code
    channel: Literal["inbox", "email", "push", "webhook"]
    status: Literal["delivered", "failed", "suppressed"]
    cause_event_id: UUID
    at: Instant
