"""What the documentation of the events says is so, and its example works."""

import asyncio
import datetime as dt
import re
import subprocess
import sys
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer

from shared.events import TOPICS, CoverageChanged, Message, encode, schemas
from tests.architecture.source import ROOT, tracked

README = (schemas.FOLDER / "README.md").read_text(encoding="utf-8")
NOW = dt.datetime(2025, 11, 6, 9, 0, tzinfo=dt.timezone(dt.timedelta(hours=7)))


def test_the_table_of_topics_is_the_one_in_the_code() -> None:
    rows = re.findall(
        r"^\| \[`([\w.]+)`\]\(([\w.]+)\) \| `(\w+)` \| (\w+) \| (\w+) \| (.+) \|$", README, re.MULTILINE
    )
    assert rows == [
        (name, f"{name}.json", topic.key, topic.audience, topic.owner, topic.event.description)
        for name, topic in TOPICS.items()
    ]


def test_the_reasons_for_setting_aside_are_those_of_the_decoder() -> None:
    described = {
        reason
        for line in re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ", README.split("cannot be read")[1], re.MULTILINE)
        for reason in re.findall(r"`(\w+)`", line)
    } - {"hadir_reason"}
    source = (ROOT / "shared" / "events" / "envelope.py").read_text(encoding="utf-8")
    assert described == set(re.findall(r'InvalidEvent\(\s*"(\w+)"', source))


def test_every_link_of_the_documentation_leads_somewhere() -> None:
    broken: list[str] = []
    for page in tracked():
        if page.suffix != ".md" or "data" in page.parts:
            continue
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[\w-]+)?\)", page.read_text(encoding="utf-8")):
            if not target.startswith(("http://", "https://", "mailto:")) and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []


@pytest.mark.asyncio(loop_scope="session")
async def test_the_example_reader_shows_each_change_once_and_nothing_old(kafka: str) -> None:
    """On the contract's own topic, among whatever other tests have put there."""
    unit = f"LOKET-{uuid4().hex[:8]}"

    def change(revision: int, status: str, id_: UUID) -> None:
        event = CoverageChanged.model_validate(
            {
                "unit_id": unit,
                "opd_code": "DKCS",
                "revision": revision,
                "status": status,
                "previous": "closed",
                "as_of": NOW,
                "required": 2,
                "present_low": revision,
                "present_high": 2,
            }
        )
        messages.append(encode(event, id=id_, time=NOW, source="/hadir/reporting"))

    messages: list[Message] = []
    first, second = uuid4(), uuid4()
    change(1, "short", first)
    change(1, "short", first)
    change(2, "met", second)
    change(1, "short", first)
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    await producer.start()
    for message in messages:
        await producer.send_and_wait(message.topic, message.value, key=message.key, headers=message.headers)
    await producer.stop()
    reader = await asyncio.create_subprocess_exec(
        sys.executable, "-u", str(schemas.FOLDER / "read_coverage.py"), kafka, stdout=subprocess.PIPE
    )
    assert reader.stdout is not None
    lines: list[str] = []
    try:
        async with asyncio.timeout(30):
            while len([line for line in lines if unit in line]) < 2:
                lines.append((await reader.stdout.readline()).decode())
    finally:
        reader.terminate()
        await reader.wait()
    assert [line.split(unit)[1].strip() for line in lines if unit in line] == [": short, 1/2", ": met, 2/2"]
