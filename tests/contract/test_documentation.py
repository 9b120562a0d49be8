"""What the documentation says is so and is whole, and its example works."""

import asyncio
import datetime as dt
import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import get_args
from uuid import UUID, uuid4

import pytest
import typer
from aiokafka import AIOKafkaProducer
from typer.core import TyperGroup

from deploy import cli
from services.attendance.domain import flags
from services.attendance.domain.punches import Flag
from services.notifications.domain.kinds import KINDS
from shared.events import TOPICS, CoverageChanged, Message, encode, schemas
from shared.events.base import SERVICES
from shared.settings import Settings
from tests.architecture.source import ROOT, tracked

README = (schemas.FOLDER / "README.md").read_text(encoding="utf-8")
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
NOW = dt.datetime(2025, 11, 6, 9, 0, tzinfo=dt.timezone(dt.timedelta(hours=7)))


def test_the_table_of_topics_is_the_one_in_the_code() -> None:
    rows = re.findall(
        r"^\| \[`([\w.]+)`\]\(([\w.]+)\) \| `(\w+)` \| (\w+) \| (\w+) \| (.+) \| (.+) \|$", README, re.MULTILINE
    )
    assert rows == [
        (name, f"{name}.json", event.key_field, event.audience, event.owner, event.description, event.trigger)
        for name, event in ((name, topic.event) for name, topic in TOPICS.items())
    ]


def test_the_reasons_for_setting_aside_are_those_of_the_decoder() -> None:
    described = {
        reason
        for line in re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ", README.split("cannot be read")[1], re.MULTILINE)
        for reason in re.findall(r"`(\w+)`", line)
    } - {"hadir_reason"}
    source = (ROOT / "shared" / "events" / "envelope.py").read_text(encoding="utf-8")
    assert described == set(re.findall(r'InvalidEvent\(\s*"(\w+)"', source))


def test_the_pages_of_the_services_name_every_flag_and_every_kind_of_message() -> None:
    attendance, notifications = (
        (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("attendance", "notifications")
    )
    assert set(re.findall(r"^\| `(\w+)` \| [^|]+ \|$", attendance, re.MULTILINE)) == {
        *get_args(Flag),
        *flags.KINDS,
    }
    assert set(re.findall(r"`(\w+\.(?!py|toml|sql|md)\w+)`", notifications)) == set(KINDS)


def test_every_path_that_the_documentation_names_is_there() -> None:
    """In the guide and among the rules whatever looks like a path; elsewhere what begins with a folder of ours, or
    on a service's own page with one of its rooms."""
    files = [path.relative_to(ROOT).as_posix() for path in tracked()]
    places = {place for name in files for place in (name, *(f"{part}/" for part in PurePosixPath(name).parents))}

    def stands(path: str) -> bool:
        return any(fnmatch(place, path) for place in places)

    gone: list[str] = []
    for page in tracked():
        if page.suffix != ".md" or "data" in page.parts or page.name == "CHANGELOG.md":
            continue
        strict, own = page.stem in {"where", "rules"}, f"services/{page.stem}/"
        for name in re.findall(r"`([\w*.-]*[/.][\w*./-]+)`", page.read_text(encoding="utf-8")):
            top, inside, _ = name.partition("/")
            is_path = strict or (inside and (stands(f"{top}/") or stands(f"{own}{top}/")))
            if is_path and not any(stands(path) for path in (name, f"{name}/", f"{own}{name}", f"{own}{name}/")):
                gone.append(f"{page.relative_to(ROOT)}: {name}")
    assert gone == []


def test_the_guide_names_every_module_that_all_services_stand_on() -> None:
    guide = (ROOT / "docs" / "where.md").read_text(encoding="utf-8")
    modules = {path.relative_to(ROOT).as_posix() for path in tracked() if path.suffix == ".py"}
    ours = {name for name in modules if name.startswith("shared/") and name != "shared/__init__.py"}
    assert ours - set(re.findall(r"`([^`]+)`", guide)) == set()


def test_every_link_of_the_documentation_leads_somewhere() -> None:
    broken: list[str] = []
    for page in tracked():
        if page.suffix != ".md" or "data" in page.parts:
            continue
        for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([\w-]+))?\)", page.read_text(encoding="utf-8")):
            if target.startswith(("http://", "https://", "mailto:")):
                continue
            there = page.parent / target if target else page
            if not there.exists() or (anchor and anchor not in anchors(there)):
                broken.append(f"{page.relative_to(ROOT)}: {target}#{anchor}")
    assert broken == []


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub makes anchors of them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head).lower().replace(" ", "-") for head in heads}


def test_every_section_that_the_code_names_is_there() -> None:
    named = {
        (path.name, page, anchor)
        for path in tracked()
        if path.suffix in {".py", ".sql"}
        for page, anchor in re.findall(r"\b(docs/[\w/-]+\.md)(?:#([\w-]+))?", path.read_text(encoding="utf-8"))
    }
    assert {
        (name, page, anchor)
        for name, page, anchor in named
        if not (ROOT / page).exists() or (anchor and anchor not in anchors(ROOT / page))
    } == set()


def test_every_setting_of_a_service_is_explained_in_one_row() -> None:
    rows = re.findall(r"^\| (`HADIR_[^|]*) \|", RUNBOOK, re.MULTILINE)
    said = Counter(re.findall(r"`(HADIR_[A-Z_]+)`", " ".join(rows)))
    settings = {f"HADIR_{field.upper()}" for field in Settings.model_fields.keys() - {"service", "database_url"}}
    assert {name: said[name] for name in settings if said[name] != 1} == {}


def test_what_the_containers_let_an_operator_set_is_in_the_runbook() -> None:
    files = [ROOT / "docker-compose.yml", *ROOT.glob("deploy/*/compose.yml")]
    named = {
        name for file in files for name in re.findall(r"\$\{(HADIR_[A-Z_]+)", file.read_text(encoding="utf-8"))
    }
    # Secrets are in the runbook by kind, and made by deploy/new_env.sh.
    assert {name for name in named if not name.endswith("_PASSWORD") and name not in RUNBOOK} == set()


def test_every_task_is_in_the_runbook() -> None:
    part = RUNBOOK.split("### TaskFails")[1].split("###")[0]
    composed = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "services").glob("*/app.py"))
    dictionaries = re.findall(r"tasks=\{(.*?)\}", composed, re.DOTALL)
    names = {name for entries in dictionaries for name in re.findall(r'"(\w+)":', entries)} | {"bus", "relay"}
    assert len(dictionaries) == len(SERVICES)
    assert {name for name in names if f"`{name}`" not in part} == set()


def test_every_command_is_in_the_runbook() -> None:
    group = typer.main.get_command(cli.app)
    assert isinstance(group, TyperGroup)
    rows = " ".join(re.findall(r"^\| (`hadir [^|]*) \|", RUNBOOK, re.MULTILINE))
    assert [name for name in group.commands if f"`hadir {name}" not in rows] == []


def written(*about: str) -> list[str]:
    """The commands of the page that hold these words, one for each, as they are written there."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    lines = [re.sub(r" +# .*", "", line) for block in blocks for line in block.splitlines()]
    found = [[line for line in lines if words in line] for words in about]
    assert all(len(one) == 1 for one in found), found
    return [one for (one,) in found]


@asynccontextmanager
async def started(command: str, kafka: str) -> AsyncGenerator[asyncio.StreamReader]:
    """Run a command of the page from the folder of the repository; yields what it prints, for half a minute."""
    environment = {**os.environ, "HADIR_KAFKA_BOOTSTRAP": kafka, "PYTHONUNBUFFERED": "1"}
    process = await asyncio.create_subprocess_shell(
        f"exec {command}", cwd=ROOT, env=environment, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            yield process.stdout
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


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
    example, tail = written("read_coverage.py", "hadir tail")
    async with started(example.replace("127.0.0.1:9092", kafka), kafka) as reader:
        lines: list[str] = []
        while len([line for line in lines if unit in line]) < 2:
            lines.append((await reader.readline()).decode())
    async with started(tail, kafka) as reader:
        records = [json.loads(await reader.readline()) for _ in range(3)]
        assert await reader.readline() == b""
    assert {record["topic"] for record in records} == {"coverage.changed.v1"}
    assert [line.split(unit)[1].strip() for line in lines if unit in line] == [": short, 1/2", ": met, 2/2"]
