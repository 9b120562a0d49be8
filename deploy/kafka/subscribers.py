"""subscribers.toml: which other systems read Kafka, what of it, and since when. No passwords."""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import tomlkit
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator
from tomlkit.exceptions import TOMLKitError

from deploy.kafka.access import OURS, grants_of_reader, topics_for
from deploy.kafka.users import Grant
from shared.events import TOPICS, Audience

TITLE = "Other systems that read Kafka. `hadir subscriber apply` makes it so; passwords stand nowhere."
READABLE = [*TOPICS, *(topic.dead_letters for topic in TOPICS.values())]


class Unreadable(Exception):
    """The file, or what was asked for, cannot be taken; the text names the field and the mend."""


class Subscriber(BaseModel):
    """What one system may read: an audience, whatever topics it will have, or these topics."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    audience: Audience | None = None
    topics: tuple[str, ...] | None = None
    note: str = ""
    since: dt.date

    @field_validator("topics")
    @classmethod
    def _known(cls, topics: Sequence[str] | None) -> Sequence[str] | None:
        for topic in topics or ():
            if topic not in READABLE:
                raise ValueError(f"there is no topic {topic}: see `hadir topics`")
        return topics

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.audience is None) == (not self.topics):
            raise ValueError("give either an audience (public, internal, restricted) or topics")
        return self

    def reads(self) -> set[str]:
        """The topics that it may read as of now."""
        return set(self.topics or ()) if self.audience is None else set(topics_for(self.audience))


class Subscribers:
    """The file, with its comments; a file that is not there is one without subscribers."""

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            self._document = tomlkit.parse(file.read_text())
        except FileNotFoundError:
            self._document = tomlkit.document()
            self._document.add(tomlkit.comment(TITLE))
        except (TOMLKitError, UnicodeDecodeError) as error:
            raise Unreadable(f"{file} cannot be read as TOML: {error}") from error
        self.all = {name: self._read(name, entry) for name, entry in self._document.unwrap().items()}

    def grants(self) -> set[Grant]:
        return {grant for name, one in self.all.items() for grant in grants_of_reader(name, one.reads())}

    def of(self, name: str) -> Subscriber:
        """Raises Unreadable for a stranger."""
        if name not in self.all:
            raise Unreadable(f"{name} is no subscriber: see `hadir subscriber list`")
        return self.all[name]

    def put(self, name: str, entry: Mapping[str, Any]) -> None:
        """Add one, or put it in the place of what the file says of it; raises Unreadable."""
        self.all[name] = self._read(name, entry)
        table = tomlkit.table()
        for field, value in entry.items():
            table.add(field, value)
        self._document[name] = table

    def remove(self, name: str) -> None:
        self.of(name)
        del self.all[name], self._document[name]

    def save(self) -> None:
        """All of it or nothing: half a file would take from those whom it has lost."""
        new = self.file.with_suffix(".new")
        new.write_text(tomlkit.dumps(self._document))
        new.replace(self.file)

    def _read(self, name: str, entry: Any) -> Subscriber:
        if name in OURS:
            raise Unreadable(f"{name} is a user of Hadir itself: choose another name")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", name):
            raise Unreadable(f"{name!r} cannot be a user's name: take letters, digits, - and _, the first no sign")
        try:
            return Subscriber.model_validate(entry)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in (name, *first["loc"]))
            raise Unreadable(f"{self.file}: {where}: {first['msg'].removeprefix('Value error, ')}") from error
