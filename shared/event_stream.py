"""Server-sent events, as every stream of ours has them.

Source of the wire format: the HTML standard, section 9.2, Server-sent events.
"""

from collections.abc import AsyncGenerator

from fastapi.responses import StreamingResponse

HEARTBEAT_S = 15.0
"""So long nothing is said at most: who hears nothing for longer has lost the line."""
RETRY_MS = 2000

BEGINNING = f"retry: {RETRY_MS}\n\n".encode()
STILL_HERE = b": still here\n\n"


class EventStream(StreamingResponse):
    """Server-sent events."""

    media_type = "text/event-stream"


def answered(frames: AsyncGenerator[bytes]) -> StreamingResponse:
    """The answer of a door that streams: kept nowhere, and held back by no proxy."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(frames, media_type=EventStream.media_type, headers=headers)


def event(name: str, position: int, data: bytes) -> bytes:
    """One event. `position` is what a reader that comes back says it had (`Last-Event-ID`)."""
    return f"event: {name}\nid: {position}\ndata: ".encode() + data + b"\n\n"
