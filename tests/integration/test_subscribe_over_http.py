"""docs/subscribe.md without Kafka: the feed and webhooks, typed as they stand against a system of one's own."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from aiohttp import web

from deploy.local.processes import free_port
from shared.events import TOPICS
from shared.events.base import SERVICES
from shared.feed import Position
from tests.architecture.source import ROOT
from tests.kit import subscriber
from tests.kit.backing import temporary_state
from tests.kit.receiver import receiving
from tests.kit.secured import made_secrets
from tests.kit.subscriber import Running, block, clone, commands, typed

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]
CALENDAR = "calendar.changed.v1"
TOPICS_READ = f"{CALENDAR},record.disowned.v1"


@dataclass
class Own:
    """A system of one's own, as the page starts it, on other ports than the page's."""

    port: int
    hook: int
    environ: dict[str, str]

    def here(self, lines: list[str]) -> list[str]:
        """The page's lines with these ports."""
        return [re.sub("8080", str(self.port), line).replace("8000", str(self.hook)) for line in lines]

    async def say(self, folder: Path, *lines: str, name: str = "Tahun baru") -> list[Any]:
        """Type lines, signed in as the page does it; each JSON document that they print."""
        if not (folder / "hadir").exists():
            (folder / "hadir").symlink_to(ROOT)
        whole = "\n".join([*self.here([*block(subscriber.SIGNED_IN), *lines])]).replace("Tahun baru", name)
        run = await asyncio.to_thread(
            subprocess.run, ["bash", "-ec", whole], cwd=folder, env=self.environ, capture_output=True, text=True
        )
        assert run.returncode == 0, (run.stderr, run.stdout)
        decoder, found, rest = json.JSONDecoder(), list[Any](), run.stdout.strip()
        while rest:
            one, end = decoder.raw_decode(rest)
            found.append(one)
            rest = rest[end:].lstrip()
        return found

    async def happens(self, folder: Path, name: str) -> None:
        """One event more."""
        await self.say(folder, *block(subscriber.HAPPENS), name=name)

    def work(self, folder: Path, lines: list[str], **more: str) -> AbstractAsyncContextManager[Running]:
        """Type lines, signed in, of which the last goes on."""
        signed_in = block(subscriber.SIGNED_IN)
        return typed(folder, self.here([*signed_in, *lines]), self.environ | {"HADIR_TOPICS": TOPICS_READ} | more)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def own(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Own]:
    with temporary_state() as state:
        environ = {name: text for name, text in os.environ.items() if not name.startswith("HADIR_")}
        cache = {name: text for name, text in os.environ.items() if name == "HADIR_CACHE_DIR"}
        system = Own(free_port(), free_port(), environ | cache | {"HADIR_STATE_DIR": str(state.root)})
        folder = tmp_path_factory.mktemp("own")
        lines = [f"cd {ROOT}", *system.here(block(subscriber.START))]
        # A shell's own variables before a command, which `exec` does not take.
        lines[-1] = f"env {lines[-1]}"
        async with (
            typed(folder, lines, system.environ) as running,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{system.port}", trust_env=False) as client,
            asyncio.timeout(300),
        ):
            while True:
                assert running.process.returncode is None, (folder / "errors").read_text()[-3000:]
                with suppress(httpx.TransportError):
                    answers = [(await client.get(f"/{name}/readyz")).status_code for name in SERVICES]
                    if answers == [200] * len(SERVICES):
                        break
                await asyncio.sleep(0.5)
            yield system


def holidays(page: Any) -> list[str]:
    return [holiday["name"] for event in page["items"] for holiday in event["data"]["holidays"]]


async def test_two_commands_lead_to_the_first_event_of_a_feed_and_the_cursor_to_the_next(
    own: Own, tmp_path: Path
) -> None:
    first, after = block(subscriber.PAGES)
    assert [len(block(words)) for words in (subscriber.GIVEN, subscriber.PAGES)] == [1, 2]
    _, page = await own.say(tmp_path, *block(subscriber.HAPPENS), first, name="Hari pertama")
    assert page["items"][0]["type"] == CALENDAR
    names, following = holidays(page), page["next"]
    while "Hari kedua" not in names:
        _, page = await own.say(
            tmp_path, *block(subscriber.HAPPENS), f"export NEXT={following}", after, name="Hari kedua"
        )
        names, following = holidays(page), page["next"]


async def test_the_operators_command_makes_a_token_that_the_page_can_hand_over(tmp_path: Path) -> None:
    made_secrets(tmp_path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (line,) = block(subscriber.TOKEN)
    run = await asyncio.to_thread(
        subprocess.run, ["bash", "-ec", line], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    (given,) = block(subscriber.GIVEN)
    assert run.stdout.startswith(re.findall(r"HADIR_TOKEN=(eyJ)", given)[0])
    assert "only reads" in run.stderr


async def test_the_program_for_the_feed_keeps_what_is_in_force_and_goes_on_where_it_was(
    own: Own, tmp_path: Path
) -> None:
    await own.happens(tmp_path, "Sebelum")
    async with own.work(tmp_path, commands("feed")) as running:
        assert await running.until(lambda line: line.startswith(f"{CALENDAR} 2031 ") and "Sebelum" in line)
        await running.keeps(lambda records: bool(records.get(CALENDAR)))
    await own.happens(tmp_path, "Sesudah")
    again = ["cd subscriber", commands("feed")[-1]]
    async with own.work(tmp_path, again) as running:
        assert "Sesudah" in await running.line()  # and nothing that was said before
    # A topic that was made again and is shorter: it begins anew, and says nothing that it had said.
    file = tmp_path / "subscriber" / "state.json"
    kept = json.loads(file.read_text())
    beyond = Position(CALENDAR, (10**6,) * TOPICS[CALENDAR].partitions).written()
    file.write_text(json.dumps({**kept, "cursors": {CALENDAR: beyond}}))
    await own.happens(tmp_path, "Baru")
    async with own.work(tmp_path, again) as running:
        assert "Baru" in await running.line()
    assert "topik dibuat ulang" in (tmp_path / "errors").read_text()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"HADIR_TOKEN": "eyJ.x.y"}, "ask for a new token"),
        ({"HADIR_TOPICS": "directory.employee.v1"}, "the token may not read this topic"),
        ({"HADIR_TOPICS": "coverage.changed.v2"}, "there is no topic coverage.changed.v2"),
    ],
)
async def test_where_somebody_has_to_do_something_the_program_ends_and_says_what(
    own: Own, tmp_path: Path, given: dict[str, str], said: str
) -> None:
    (tmp_path / "hadir").symlink_to(ROOT)
    *start, program = commands("feed")
    set_anew = [f"export {name}={text}" for name, text in given.items()]
    async with own.work(tmp_path, [*start, *set_anew, program]) as running:
        assert await running.process.wait() == 1
    assert said in (tmp_path / "errors").read_text()


async def test_the_program_waits_where_it_is_told_to_and_forgets_whom_an_event_without_data_names(
    tmp_path: Path,
) -> None:
    clone(tmp_path)
    topic = "directory.employee.v1"
    event = {"specversion": "1.0", "id": "1", "type": topic, "source": "/hadir/scheduling", "subject": "budi"}
    pages = [{"items": [{**event, "data": {"revision": 1}}], "next": "one"}, {"items": [event], "next": "two"}]
    asked: list[str | None] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/events/asyncapi.json":
            return web.json_response({"channels": {topic: {"x-owner": "scheduling"}}})
        asked.append(request.query.get("cursor"))
        if len(asked) in (1, 3):
            return web.Response(status=(429, 503)[len(asked) // 2], headers={"Retry-After": "1"})
        return web.json_response(pages.pop(0) if pages else {"items": [], "next": "two"})

    async with receiving(None) as system:
        system.answer = answer
        environ = {"HADIR_URL": f"http://127.0.0.1:{system.port}", "HADIR_TOKEN": "x", "HADIR_TOPICS": topic}
        async with typed(tmp_path, commands("feed"), environ) as running:
            assert await running.line() == f'{topic} budi {{"revision": 1}}'
            assert await running.line() == f"{topic} budi erased"
            await running.keeps(lambda records: records.get(topic) == {"budi": None})
    assert asked[:4] == [None, None, "one", "one"]


async def test_five_commands_lead_to_the_first_webhook_and_what_came_while_nobody_took_it_comes_later(
    own: Own, tmp_path: Path
) -> None:
    await own.happens(tmp_path, "Dahulu")
    made, followed, name = await own.say(tmp_path, *block(subscriber.SUBSCRIPTION), r'echo "\"$ID\""')
    assert [one["topic"] for one in followed["items"]] == sorted(TOPICS_READ.split(","))
    start = [line.replace("whsec_...", made["secret"]) for line in commands("webhook")]
    listens = {"HADIR_WEBHOOK_LISTEN": f"127.0.0.1:{own.hook}"}
    async with own.work(tmp_path, start, **listens) as running:
        await running.until(lambda line: line.startswith(f"{CALENDAR} 2031 ") and "Dahulu" in line)
        said = asyncio.create_task(running.until(lambda line: line.startswith("test ")))
        tried = await own.say(tmp_path, f"export ID={name}", *block(subscriber.TRIAL))
        assert tried == [{"became": "delivered", "error": None}]
        assert name in await said
        async with httpx.AsyncClient(trust_env=False) as stranger:
            forged = await stranger.post(f"http://127.0.0.1:{own.hook}/hook", content=b"[]")
        assert forged.status_code == 401
    await own.happens(tmp_path, "Sementara itu")
    async with own.work(tmp_path, ["cd subscriber", *start[-2:]], **listens) as running:
        await running.until(lambda line: line.startswith(f"{CALENDAR} 2031 ") and "Sementara itu" in line)
