"""Whether a topic tells its readers more of a person than its audience may know: each record, wherever it says it.

Public topics tell of nobody. Internal ones know a person by `employee_id` alone, and restricted ones by the
directory's entry; neither says where somebody was, that somebody is ill, or what somebody wrote to a superior. A
name counts as found where all its words stand in a row, with titles or without.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from shared.events import TOPICS
from shared.events.base import Audience
from shared.log import Record, reading

DIRECTORY = "directory.employee.v1"
UNITS = "directory.unit.v1"
"""The one public topic with places: of offices."""

OWN_WORDS = {("report.submitted.v1", "task"), ("report.submitted.v1", "unit"), ("attendance.voided.v1", "reason")}
"""What was done, and why a punch is void: free texts of internal topics, where a ward may speak of the sick."""

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_IDENTITY = re.compile(r"(?<![0-9A-Za-z+/])(?:[0-9]{16}|[0-9]{18})(?![0-9A-Za-z+/=])")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_PHONE = re.compile(r"(?<![\w.:+-])(?:\+62[0-9]{7,12}|(?:62|0)8[0-9]{7,11})(?!\w)")
_HEALTH = re.compile(
    r"(?<!rumah )\b(?:sakit|sick|hamil|melahirkan|bersalin|maternity|keguguran|demam|diagnos\w*|opname)\b"
)
_POSITION = {"lat", "lon", "latitude", "longitude", "accuracy_m", "position"}
_WORD = re.compile(r"\w+")
_TITLES = {"prof", "dr", "drs", "dra", "drg", "drh", "ir", "h", "hj", "ns"}
_TRACE = re.compile(r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")
"""A traceparent, whose span may be sixteen digits by chance."""
_MARK = re.compile(r"[\w.+@-]+")


@dataclass
class People:
    """What tells somebody apart: by the directory's records, and what they wrote that nobody else is to read."""

    ids: set[str] = field(default_factory=set[str])
    names: dict[str, set[tuple[str, ...]]] = field(default_factory=dict[str, set[tuple[str, ...]]])
    marks: set[str] = field(default_factory=set[str])
    """NIP, e-mail and telephone numbers."""
    homes: set[tuple[float, float]] = field(default_factory=set[tuple[float, float]])
    written: set[str] = field(default_factory=set[str])

    def learn(self, entry: Mapping[str, Any]) -> None:
        """Take in one entry of the directory."""
        self.ids.add(entry["employee_id"])
        words = _bare(entry["name"])
        self.names.setdefault(words[0], set()).add(words)
        self.marks |= {entry[one].casefold() for one in ("nip", "email", "phone") if entry.get(one)}
        self.homes |= {(place["lat"], place["lon"]) for place in entry.get("remote_places", ())}

    def told(self, topic: str, parts: Iterable[bytes | None]) -> set[str]:
        """What a record with these parts tells that the topic's readers may not know, as `kind: what`."""
        audience = TOPICS[topic.removesuffix(".dead")].audience
        found = set[str]()
        for part in parts:
            for where, leaf in _leaves(_read(part)):
                found.update(self._of_leaf(audience, topic, where, leaf))
        return found

    def _of_leaf(self, audience: Audience, topic: str, where: str, leaf: Any) -> Iterator[str]:
        if isinstance(leaf, tuple):
            if topic == DIRECTORY and where == "remote_places":
                return
            if topic != UNITS or where != "places" or leaf in self.homes:
                yield f"position: {leaf}"
            return
        if where in _POSITION and leaf is not None:
            yield f"position: {where}"
        if isinstance(leaf, bool | float | None):
            return  # of numbers only whole ones are anybody's
        text = _TRACE.sub("", str(leaf)).casefold()
        if audience == "public":
            yield from (f"employee_id: {one}" for one in _UUID.findall(text) if one in self.ids)
        if audience != "restricted":
            yield from (f"mark: {one}" for one in _MARK.findall(text) if one in self.marks)
            for kind, pattern in (("identity", _IDENTITY), ("email", _EMAIL), ("phone", _PHONE)):
                yield from (f"{kind}: {one}" for one in pattern.findall(text))
            yield from (f"name: {one}" for one in self._names_in(_words(text)))
        if (topic, where) not in OWN_WORDS:
            yield from (f"health: {one}" for one in _HEALTH.findall(text))
        yield from (f"written: {one}" for one in self.written if one.casefold() in text)

    def _names_in(self, words: tuple[str, ...]) -> Iterator[str]:
        for place, word in enumerate(words):
            for name in self.names.get(word, ()):
                # One word alone is a name where nothing else is said: units are called as people are.
                if words[place : place + len(name)] == name and (len(name) > 1 or len(words) == 1):
                    yield " ".join(name)


def _bare(name: str) -> tuple[str, ...]:
    """A name's words without titles: those before it (`Dra.`), and what stands after a comma (`, A.Md.`)."""
    words = _words(name.partition(",")[0])
    return words[next((place for place, word in enumerate(words) if word not in _TITLES), 0) :]


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.casefold()))


def _read(part: bytes | None) -> Any:
    """The JSON of a value, else its text."""
    text = (part or b"").decode(errors="backslashreplace")
    if not text.startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _leaves(value: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """(name of the nearest field, what it holds) of all that is in a value; a place on the map is a (lat, lon)."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        if {"lat", "lon"} <= {*fields}:
            yield where, (fields["lat"], fields["lon"])
            fields = {name: one for name, one in fields.items() if name not in ("lat", "lon")}
        for name, one in fields.items():
            yield where, name
            yield from _leaves(one, name)
    elif isinstance(value, list):
        for one in cast("list[Any]", value):
            yield from _leaves(one, where)
    else:
        yield where, value


def of_audience(*audiences: Audience) -> list[str]:
    """Their topics, with those that hold the dead letters of each."""
    topics = [topic for topic in TOPICS.values() if topic.audience in audiences]
    return [name for topic in topics for name in (topic.name, topic.dead_letters)]


async def directory(client: dict[str, Any]) -> People:
    """Everybody whom the directory of this Kafka has named so far."""
    people = People()
    async with reading(client, [DIRECTORY]) as log:
        async for records in log.upto(await log.ends()):
            for record in records:
                if record.value is not None:
                    people.learn(json.loads(record.value))
    return people


async def told_in(
    client: dict[str, Any], topics: Collection[str], people: People
) -> tuple[dict[str, int], dict[str, set[str]]]:
    """(how many records of each topic were looked through, what they tell that they may not), committed or not."""
    counts, told = dict.fromkeys(topics, 0), dict[str, set[str]]()
    async with reading(client, list(topics), uncommitted=True) as log:
        async for records in log.upto(await log.ends()):
            for record in records:
                counts[record.topic] += 1
                if found := people.told(record.topic, parts_of(record)):
                    told.setdefault(record.topic, set()).update(found)
    return counts, told


def parts_of(record: Record) -> list[bytes | None]:
    """All that a reader of the record sees: key, value, names and values of headers."""
    return [record.key, record.value, *(part for name, value in record.headers for part in (name.encode(), value))]
