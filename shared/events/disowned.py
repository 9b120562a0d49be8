"""The event that takes another event back. It may be about any topic of the contract, so it stands by itself."""

from typing import Annotated

from pydantic import ConfigDict, Field

from shared.events.base import UUID, Code, Event, Instant, OpdCode, Revision, Truth


class RecordDisowned(Event):
    # `topic` is where this event itself travels, and what the value calls the topic of the other one.
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    topic = "record.disowned.v1"
    key_field = "ce_id"
    owner = "scheduling"
    audience = "public"
    fact = ("ce_id",)
    readers = ("scheduling", "attendance", "reporting", "notifications")
    description = "The event with this id on this topic counts as never sent, until that is revoked."
    trigger = "Two officers of BKPSDM disown an event, or take that back."
    example = {
        "ce_id": "0193a5b0-11d2-7c3e-8f40-5d2a9c7b1e01",
        "topic": "attendance.recorded.v1",
        "revision": 1,
        "disowned_at": "2025-11-06T14:00:00+07:00",
        "disowned_by": "5.03",
        "reason": "terminal_fault",
    }

    ce_id: UUID
    of_topic: Annotated[Code, Field(alias="topic")]
    revision: Revision
    disowned_at: Instant
    disowned_by: OpdCode
    reason: Code
    revoked: Truth = False
