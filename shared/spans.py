"""Spans: where the time of a request or a record goes, handed to a collector by OpenTelemetry where one is set.

Ids are those of shared/trace.py, with a collector or without: a hop's span has the ids of its traceparent, and one
traceparent goes with each record. Without `HADIR_OTLP_ENDPOINT` nothing of OpenTelemetry is loaded, and all that
is left is a look into an empty dictionary. What a span says: names and counts, never a payload or an address.
"""

import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from shared import trace
from shared.events import Received

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

log = logging.getLogger(__name__)

Kind = Literal["server", "client", "producer", "consumer", "internal"]

_EXPORTERS: "dict[str, Exporter]" = {}
_QUEUE = 16_384
"""Spans that wait to be handed over at most; what comes beyond is dropped, for nobody may wait for a collector."""
_EVERY_MS = 1000
_LONGEST_S = 10


def of(service: str) -> "Exporter | None":
    """What takes the spans of a service of this process; None where none is configured."""
    return _EXPORTERS.get(service)


def of_source(source: str) -> "Exporter | None":
    """The same by the `ce_source` of what the service publishes."""
    return _EXPORTERS.get(source.rpartition("/")[2]) if _EXPORTERS else None


def endpoint(url: str) -> str:
    """`url`, if spans can be handed to it. Raises ValueError that says what to install."""
    try:
        found = find_spec("opentelemetry.exporter.otlp.proto.http")
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise ValueError("OpenTelemetry is not installed; install hadir[otel], or leave this out")
    return url.rstrip("/")


def begin(service: str, url: str | None) -> "Exporter | None":
    """Hand the spans of a service to the collector at `url` from here on."""
    if url is None:
        return None
    exporter = _EXPORTERS[service] = Exporter(service, url)
    return exporter


class Exporter:
    """Makes spans of one service and hands them over in the background. Times are Unix nanoseconds."""

    def __init__(self, service: str, url: str) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.id_generator import IdGenerator
        from opentelemetry.sdk.trace.sampling import ALWAYS_ON

        class Given(IdGenerator):
            """The ids of the span that is being made. Spans of a service are made in its event loop alone."""

            trace_id = span_id = 0

            def generate_trace_id(self) -> int:
                return self.trace_id

            def generate_span_id(self) -> int:
                return self.span_id

        self._service = service
        self._given = Given()
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,  # who began a trace has decided
            resource=Resource(
                {"service.namespace": "hadir", "service.name": service, "service.instance.id": uuid4().hex}
            ),
            shutdown_on_exit=False,
            id_generator=self._given,
        )
        exporter = OTLPSpanExporter(endpoint=f"{url}/v1/traces", timeout=_LONGEST_S)
        self._provider.add_span_processor(
            BatchSpanProcessor(exporter, max_queue_size=_QUEUE, schedule_delay_millis=_EVERY_MS)
        )
        self._tracer = self._provider.get_tracer("hadir")

    def span(
        self,
        name: str,
        traceparent: str | None,
        *,
        began_ns: int,
        parent: str | None = None,
        kind: Kind = "internal",
        links: Iterable[str] = (),
        attributes: Mapping[str, str | int] | None = None,
        failed: bool = False,
    ) -> None:
        """The span of the hop `traceparent`, which ends now. `parent`: the hop that led to it; one of another
        trace is none. A trace that is not sampled has no spans."""
        from opentelemetry import trace as otel
        from opentelemetry.context import Context
        from opentelemetry.trace.status import StatusCode

        own = _context(traceparent)
        if own is None or not own.trace_flags.sampled:
            return
        before = _context(parent)
        context = Context()
        if before is not None and before.trace_id == own.trace_id:
            context = otel.set_span_in_context(otel.NonRecordingSpan(before), context)
        self._given.trace_id, self._given.span_id = own.trace_id, own.span_id
        span = self._tracer.start_span(
            name,
            context=context,
            kind=otel.SpanKind[kind.upper()],
            attributes=dict(attributes or {}),
            links=[otel.Link(one) for link in links if (one := _context(link)) is not None],
            start_time=began_ns,
        )
        if failed:
            span.set_status(StatusCode.ERROR)
        span.end()

    def child(
        self,
        name: str,
        parent: str | None,
        *,
        began_ns: int,
        kind: Kind = "internal",
        attributes: Mapping[str, str | int] | None = None,
        failed: bool = False,
    ) -> str:
        """A span of its own beneath `parent`; returns its traceparent, to carry on."""
        own = trace.onward(parent)
        self.span(name, own, began_ns=began_ns, parent=parent, kind=kind, attributes=attributes, failed=failed)
        return own

    def handled(self, group: str, batch: Sequence[Received], began_ns: int) -> None:
        """A batch was handled and what came of it committed; called while it is under way (`trace.handling`).

        Each record has a span in the trace of its own. A batch of many has one beside, linked with them all.
        """
        attributes = {"messaging.system": "kafka", "messaging.consumer.group.name": group}
        many = trace.current() if len(batch) > 1 else None
        if many is not None:
            self.span(
                f"batch {group}",
                many,
                began_ns=began_ns,
                kind="consumer",
                links=(one.traceparent for one in batch if one.traceparent is not None),
                attributes={**attributes, "messaging.batch.message_count": len(batch)},
            )
        for one in batch:
            if one.traceparent is not None:
                self.span(
                    f"process {one.type}",
                    trace.because_of(one.id),
                    began_ns=began_ns,
                    parent=one.traceparent,
                    kind="consumer",
                    links=() if many is None else (many,),
                    attributes={**attributes, **_of_record(one.type, str(one.id))},
                )

    def records(self, did: str, carried: Iterable[tuple[str, str, str | None]], began_ns: int) -> None:
        """Something was done with records on their way out, each (topic, event id, traceparent)."""
        for topic, ce_id, traceparent in carried:
            self.child(
                f"{did} {topic}",
                traceparent,
                began_ns=began_ns,
                kind="producer",
                attributes={"messaging.system": "kafka", **_of_record(topic, ce_id)},
            )

    def close(self, within_s: float) -> None:
        """Hand over what waits, as far as that can be done in the time."""
        if _EXPORTERS.get(self._service) is self:
            del _EXPORTERS[self._service]
        # A thread that nobody waits for at the end of the process: a collector that is away must not hold it up.
        ending = threading.Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        ending.join(within_s)


def _of_record(topic: str, ce_id: str) -> dict[str, str | int]:
    return {"messaging.destination.name": topic, "messaging.message.id": ce_id}


def _context(traceparent: str | None) -> "SpanContext | None":
    from opentelemetry.trace import SpanContext, TraceFlags

    read = trace.read(traceparent)
    if read is None:
        return None
    trace_id, span_id, sampled = read
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(sampled)))


def since_ns(seconds: float) -> int:
    """What began so many seconds ago, in Unix nanoseconds."""
    return time.time_ns() - int(seconds * 1e9)
