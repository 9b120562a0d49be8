"""What a service keeps of the log: one fact for each event that it hears.

The service's consumer, a rebuild and a repair (shared.repairs) join it, all in the same way.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import TypeVar, cast
from uuid import UUID

from shared import disowned
from shared.database import Tx
from shared.events import Event, Received, RecordDisowned
from shared.facts import Fact, Folded, Held, fold, shape
from shared.telemetry import Metrics

E = TypeVar("E", bound=Event)


class Fold(dict[type[Fact], Folded]):
    """What a batch did, by fact; a fact of which nothing came is not in it."""

    @property
    def erased(self) -> list[UUID]:
        """The people whose tombstone came."""
        return [UUID(one.key) for folded in self.values() for one in folded.received if one.given is None]

    def news(self, kind: type[E]) -> Iterator[tuple[E, Received, Held]]:
        """The events of a kind that were news, as they came, with what had been held before each.

        An event that was read in a third of the time (`shared.events.lean`) is not read whole for this: it has the
        same fields.
        """
        for folded in self.values():
            for received, before in folded.news:
                if received.type == kind.topic and received.given is not None:
                    yield cast("E", received.given), received, before


class Projection:
    """`Projection(FactPlan, FactPunch)`: facts in the order in which they are folded."""

    def __init__(self, *facts: type[Fact]) -> None:
        self.by_topic = {fact.of.topic: fact for fact in facts}
        self.topics = (RecordDisowned.topic, *self.by_topic)
        """What to read: before the facts' topics the one that says which of their events count."""
        self.tables = [shape(fact) for fact in facts]

    def parts(self, batch: Sequence[Received]) -> list[Sequence[Received]]:
        """A batch by topic, what says which events count first: facts may be joined in parts.

        A transaction for each takes its locks in one order whatever else a fold writes (`Fact.noting`), so batches
        that are folded at the same time never wait for each other in a ring.
        """
        parts: dict[str, list[Received]] = {topic: [] for topic in self.topics}
        for received in batch:
            parts[received.type].append(received)
        return [part for part in parts.values() if part]

    async def fold(
        self,
        tx: Tx,
        batch: Sequence[Received],
        metrics: Metrics | None = None,
        *,
        news_of: Collection[type[Fact]] = (),
        changed_of: Collection[type[Fact]] = (),
    ) -> Fold:
        """Join a batch, without what is disowned. Raises what the database does; then nothing was joined."""
        by_topic: dict[str, list[Received]] = {topic: [] for topic in self.by_topic}
        for received in await disowned.admit(tx, batch, self.by_topic):
            by_topic[received.type].append(received)
        done = Fold()
        for topic, events in by_topic.items():
            if events:
                fact = self.by_topic[topic]
                done[fact] = folded = await fold(
                    tx, fact, events, news=fact in news_of, changed=fact in changed_of
                )
                if folded.conflicts and metrics is not None:
                    metrics.fact_conflicts.labels(shape(fact).name).inc(folded.conflicts)
        return done
