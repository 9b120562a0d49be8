"""The trace of what is under way: because of which request, or which record, something is done.

W3C Trace Context, level 1: `00-<trace id>-<parent id>-<flags>`. A hop keeps the trace id and writes a parent id of
its own. The gate begins a hop for each request, the bus for each batch; the outbox and the log read it here, so
that nothing between has to carry it. What nobody asked for (a timer) begins a trace of its own; so does a batch of
many records, for what all of them led to.
"""

import re
import secrets
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

from shared.events import Received

_FORM = re.compile(
    r"(?!ff)([0-9a-f]{2})-((?!0{32})[0-9a-f]{32})-((?!0{16})[0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.S
)
_SAMPLED = 0x01


class _Hop:
    """What is known of the work under way. A context may be kept for long, by a connection opened in it: what a
    batch holds is let go at its end."""

    def __init__(self, traceparent: str | None, batch: Iterable[Received] = ()) -> None:
        self.traceparent = traceparent
        self.batch = batch
        self._by_id: Mapping[UUID, str | None] | None = None
        self._hops: dict[UUID, str] = {}

    def of(self, cause: UUID) -> str | None:
        """The hop of one record of the batch, the same each time."""
        if cause not in self._hops:
            if self._by_id is None:
                self._by_id = {received.id: received.traceparent for received in self.batch}
            if (came := self._by_id.get(cause)) is None:
                return None
            self._hops[cause] = (
                onward(came) if len(self._by_id) > 1 or self.traceparent is None else self.traceparent
            )
        return self._hops[cause]

    def end(self) -> None:
        self.traceparent, self.batch, self._by_id, self._hops = None, (), {}, {}


_HOP: ContextVar[_Hop | None] = ContextVar("hop", default=None)


def new() -> str:
    """A trace, sampled, for what begins here."""
    drawn = secrets.token_hex(24)
    return f"00-{drawn[:32]}-{drawn[32:]}-01"


def onward(traceparent: str | None) -> str:
    """The next hop of a trace; a new one for what is no traceparent.

    A later version is read as this one, as far as this one goes (W3C Trace Context, 4.3).
    """
    read = _FORM.fullmatch(traceparent or "")
    if read is None:
        return new()
    version, trace_id, _, flags, more = read.groups()
    if more is not None and version == "00":
        return new()
    return f"00-{trace_id}-{secrets.token_hex(8)}-{int(flags, 16) & _SAMPLED:02x}"


def begin(traceparent: str | None = None) -> None:
    """From here on, until this task ends, what is done is a hop of this trace; without one, of a new trace."""
    _HOP.set(_Hop(onward(traceparent)))


@contextmanager
def handling(batch: list[Received]) -> Generator[None]:
    """Within the block `because_of` finds the traces of the batch's records. One record alone is what all is done
    because of; many have a trace beside their own."""
    hop = _Hop(onward(batch[0].traceparent) if len(batch) == 1 else new(), batch)
    token = _HOP.set(hop)
    try:
        yield
    finally:
        _HOP.reset(token)
        hop.end()


def current() -> str | None:
    """The traceparent that a publication or a call made now carries on; None where no trace has begun."""
    hop = _HOP.get()
    return hop and hop.traceparent


def because_of(cause: UUID) -> str | None:
    """The same for what is done because of one record of the batch under way, named by its event's id."""
    hop = _HOP.get()
    traceparent = hop and hop.of(cause)
    return current() if traceparent is None else traceparent


def read(traceparent: str | None) -> tuple[str, str, bool] | None:
    """(trace id, parent id, whether who began the trace wants it kept); None for what is no traceparent."""
    found = _FORM.fullmatch(traceparent or "")
    return None if found is None else (found[2], found[3], bool(int(found[4], 16) & _SAMPLED))


def is_sampled(traceparent: str) -> bool:
    """Whether who began the trace wants it kept."""
    found = read(traceparent)
    return found is not None and found[2]


def exemplar(traceparent: str | None) -> dict[str, str] | None:
    """What a measurement names as an example of itself: the trace, where there is one."""
    found = read(traceparent)
    return None if found is None else {"trace_id": found[0]}


def id_of(traceparent: str | None) -> str | None:
    """The trace id, which is the same at every hop."""
    return traceparent and traceparent.split("-", 2)[1]


def span_of(traceparent: str | None) -> str | None:
    """The id of this hop alone."""
    return traceparent and traceparent.split("-", 3)[2]
