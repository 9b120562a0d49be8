"""The table of topics, worked out from the events: which exist, who may read them and how they are kept."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from shared.events import attendance, disowned, notifications, reporting, scheduling
from shared.events.base import Audience, Event, ServiceName


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of the contract, as its event declares it."""

    event: type[Event]

    @property
    def name(self) -> str:
        return self.event.topic

    @property
    def key(self) -> str:
        return self.event.key_field

    @property
    def owner(self) -> ServiceName:
        return self.event.owner

    @property
    def audience(self) -> Audience:
        return self.event.audience

    @property
    def partitions(self) -> int:
        return self.event.partitions

    @property
    def config(self) -> dict[str, str]:
        return dict(self.event.config)

    @property
    def tombstones(self) -> bool:
        return self.event.tombstones

    @property
    def revisions(self) -> Literal["newest", "every", "none"]:
        """Which revisions of a fact hold: the newest, every one, or it has none: it is said once."""
        if "revision" not in self.event.model_fields:
            return "none"
        return "every" if "revision" in self.event.fact else "newest"

    @property
    def dead_letters(self) -> str:
        """Where records that no consumer can read are set aside, byte for byte."""
        return f"{self.name}.dead"


def _declared() -> Iterator[type[Event]]:
    """The events in the order in which the modules and they stand."""
    for module in (scheduling, attendance, reporting, notifications, disowned):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Event) and value.__module__ == module.__name__:
                yield value


def schema_address(installation: str, owner: str, topic: str) -> str:
    """Where the service `owner` of the installation at this URL serves the schema of a topic."""
    return f"{installation}/{owner}/schemas/{topic}.json"


TOPICS: dict[str, Topic] = {event.topic: Topic(event) for event in _declared()}
