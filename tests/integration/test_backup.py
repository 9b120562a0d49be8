"""A backup of a running system, and what is had back of it: the same hash, at its end and at an instant before."""

import asyncio
import datetime as dt
import shutil
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from typer.testing import CliRunner

from deploy import facts_of_log
from deploy.behind import lags
from deploy.cli import app
from deploy.digests import held
from deploy.kafka.access import declared
from deploy.local import backup as backups
from deploy.local.backup import BackupRefused
from deploy.local.kafka import Kafka
from deploy.local.postgres import Postgres
from deploy.local.state import Running, State, Unusable, write_private
from deploy.local.system import Options, System
from deploy.local.topics import create_topics
from services.scheduling.commands.people import erase_again
from shared.access import Principal
from shared.auth import load_private_key, sign
from shared.bus import HandlerContext
from shared.clock import SystemClock
from shared.database import Database
from shared.events import TOPICS
from shared.events.base import SERVICES, ServiceName
from shared.settings import load
from shared.telemetry import Metrics
from tests.integration.test_local_system import Up, eventually, up
from tests.kit.backing import temporary_state
from tests.kit.copying import everything
from tests.kit.kafka import message, plan_event, produce

pytestmark = pytest.mark.asyncio(loop_scope="session")

OFFICER = uuid4()
LEAVER = UUID("6f1c1f0e-6a56-4ac1-9d0c-5cb5b8b0e0aa")
NIP = "198501012010011001"
WHO = Principal(OFFICER, "bkpsdm", None, 0)
FILES = {
    "opds": "opd_code,name,short_name,kind,direct_service\n9.01,Dinas Uji,Uji,dinas,full\n",
    "units": "unit_id,opd_code,name,is_service_point,direct_service\nUJI,9.01,Kantor Uji,false,false\n",
    "employees": "employee_id,nip,name,opd_code,unit_id,employment,timetable\n"
    f"{LEAVER},{NIP},Ani,9.01,UJI,PNS,five_day\n",
}

Digests = dict[str, str]
PATIENCE_S = 600.0


def nothing(_done: int, _all: int) -> None:
    pass


class City:
    """A running system, and what is asked of it."""

    def __init__(self, state: State, system: Up) -> None:
        self.state, self.system = state, system
        token = sign(load_private_key(state.private_key), role="bkpsdm", subject=OFFICER)
        self.client = httpx.AsyncClient(
            base_url=system.http, trust_env=False, timeout=PATIENCE_S, headers={"Authorization": f"Bearer {token}"}
        )

    def url(self, service: ServiceName) -> str:
        return self.state.database_url(service, self.system.postgres)

    async def directory(self) -> None:
        for kind, text in FILES.items():
            answer = await self.client.post(f"/scheduling/v1/imports/{kind}", content=text)
            assert answer.status_code == 200, answer.text

    async def outage(self, reason: str) -> None:
        times = {"starts_at": "2025-11-06T07:00:00+07:00", "ends_at": "2025-11-06T07:10:00+07:00"}
        body = {"scope": {"all": True}, **times, "reason": reason}
        answer = await self.client.post("/attendance/v1/outages", json=body)
        assert answer.status_code == 201, answer.text

    async def quiet(self) -> Digests:
        """Once nothing is promised, read, or computed any more: the hashes of all tables."""

        async def still() -> bool:
            for service in SERVICES:
                session: asyncpg.Connection = await asyncpg.connect(self.url(service))
                try:
                    if await session.fetchval("select count(*) from outbox"):
                        return False
                finally:
                    await session.close()
            groups = {one.group: list(one.topics) for name in SERVICES for one in declared(name).declarations}
            return not any(one.records for one in await lags({"bootstrap_servers": self.system.kafka}, groups))

        before: Digests = {}
        while True:
            await eventually(still, PATIENCE_S)
            now = await digests(self.state, self.system.postgres)
            if now == before:
                return now
            before = now
            await asyncio.sleep(1)

    async def facts(self, service: ServiceName) -> bool:
        """Whether reporting or notifications knows the leaver as somebody at work."""
        table = "fact_employee" if service == "reporting" else "recipient"
        session: asyncpg.Connection = await asyncpg.connect(self.url(service))
        try:
            return bool(
                await session.fetchval(f"select count(*) from {table} where employee_id = $1 and active", LEAVER)  # noqa: S608
            )
        finally:
            await session.close()

    async def instant(self) -> str:
        session: asyncpg.Connection = await asyncpg.connect(self.system.postgres)
        try:
            now: dt.datetime = await session.fetchval("select clock_timestamp()")
        finally:
            await session.close()
        # A whole millisecond lies between what was and what will be.
        await asyncio.sleep(0.01)
        return (now + dt.timedelta(milliseconds=5)).isoformat()


async def digests(state: State, admin_url: str) -> Digests:
    return {
        f"{service}.{table.table}": f"{table.rows} {table.sum}"
        for service in SERVICES
        for table in await held(state.database_url(service, admin_url))
    }


async def ids_of(kafka: str, topic: str) -> list[bytes | None]:
    return [dict(record.headers).get("ce_id") for record in await everything(kafka, topic)]


async def test_any_instant_of_a_running_city_is_had_back_with_its_hash_and_the_erased_stay_erased(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "backup"
    with temporary_state() as state, up(state) as system:
        city = City(state, system)
        await backups.backup(state, folder, nothing)
        await city.directory()
        await city.outage("sebelum")
        between, at = await city.quiet(), await city.instant()
        await city.outage("sesudah")
        db = Database(city.url("scheduling"), pool_size=2)
        assert await erase_again(db, SystemClock(), WHO, [LEAVER, uuid4()], "uji") == [LEAVER]
        await db.close()
        end = await city.quiet()
        assert end != between
        outages = await ids_of(system.kafka, "outage.declared.v1")
        assert len(outages) == 2
        await looked_into(city)
        done = await backups.backup(state, folder, nothing)
        assert done.parts == 2
        await city.client.aclose()
    assert backups.since_erased(folder, backups.instant_of(done, at)) == [str(LEAVER)]
    assert backups.since_erased(folder, backups.instant_of(done, None)) == []

    with temporary_state() as state:
        shutil.rmtree(state.root)
        restored = await backups.restore(state, folder, None, [], nothing)
        assert await digests(state, restored.postgres.url) == end
        await backups.finish(state, restored)
        with up(state) as system:
            city = City(state, system)
            assert await city.quiet() == end
            assert sorted(await ids_of(system.kafka, "outage.declared.v1"), key=str) == sorted(outages, key=str)
            await city.outage("sesudah pulih")  # life goes on
            await city.quiet()
            with pytest.raises(BackupRefused, match="begin anew in a new folder"):
                await backups.backup(state, folder, nothing)
            await city.client.aclose()

    with temporary_state() as state:
        shutil.rmtree(state.root)
        restored = await backups.restore(state, folder, at, [], nothing)
        assert await digests(state, restored.postgres.url) == between
        assert restored.erased == (str(LEAVER),)
        db = Database(state.database_url("scheduling", restored.postgres.url), pool_size=2)
        assert await erase_again(db, SystemClock(), WHO, [LEAVER], "dihapus lagi") == [LEAVER]
        await db.close()
        await backups.finish(state, restored)
        with up(state) as system:
            city = City(state, system)
            after = await city.quiet()
            assert len(await ids_of(system.kafka, "outage.declared.v1")) == 1
            assert {name for name in after if name.startswith("attendance.outage")} <= {
                name for name in after if after[name] == between[name]
            }
            assert not await city.facts("reporting")
            assert not await city.facts("notifications")
            # Nor does the log hold what it said of them.
            people = await everything(system.kafka, "directory.employee.v1")
            assert [one.value for one in people if one.key == str(LEAVER).encode()] == [None]
            await city.client.aclose()


async def looked_into(city: City) -> None:
    """What the commands say of a running system that is well, and of one of which a fact was taken away."""
    environment = {"HADIR_STATE_DIR": str(city.state.root)}

    async def says(*arguments: str) -> tuple[int, str]:
        result = await asyncio.to_thread(CliRunner().invoke, app, arguments, env=environment)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.output

    code, out = await says("lag")
    assert (code, out.count("0 records behind")) == (0, len(SERVICES))
    code, out = await says("outbox")
    assert (code, out.count("0 rows wait; carried by ")) == (0, len(SERVICES))
    assert "NOBODY" not in out
    code, out = await says("digest", "--all")
    assert (code, [line.split()[0] for line in out.splitlines()]) == (0, list(SERVICES))
    code, out = await says("check")
    assert (code, out.count("0 are not those of the log")) == (0, len(SERVICES)), out

    session: asyncpg.Connection = await asyncpg.connect(city.url("notifications"))
    try:
        await session.execute("delete from unit")
        await session.execute("update outage set reason = 'lain' where reason = 'sebelum'")
        await session.execute("update outage set revision = revision - 1 where reason = 'lain'")
    finally:
        await session.close()
    code, out = await says("check", "--facts")
    assert code == 1
    assert "notifications: unit (UJI): missing" in out
    assert "): other" in out
    assert "2 are not those of the log" in out
    settings = load(
        "notifications",
        {
            "HADIR_NOTIFICATIONS_DATABASE_URL": city.url("notifications"),
            "HADIR_KAFKA_BOOTSTRAP": city.system.kafka,
            "HADIR_TOKEN_PUBLIC_KEY_FILE": str(city.state.public_key),
        },
    )
    db = Database(settings.database_url, pool_size=2)
    context = HandlerContext(settings, db, SystemClock(), Metrics("notifications"))
    this = facts_of_log.watched("notifications")
    found = await facts_of_log.compare(this, context, nothing)
    assert await facts_of_log.mend(context, this, found.differs) == ["directory.unit.v1", "outage.declared.v1"]

    async def right() -> bool:
        return not (await facts_of_log.compare(this, context, nothing)).differs

    await eventually(right, PATIENCE_S)
    await db.close()


async def test_databases_and_log_are_brought_to_one_instant(tmp_path: Path) -> None:
    """Without services, so that what lies around the instant is exactly known: what was committed and not sent
    yet, and what was sent, by it and after it."""
    folder, topic = tmp_path / "backup", "schedule.changed.v1"
    with temporary_state() as state:
        kafka, postgres = Kafka(state), Postgres(state)
        kafka.patience_s = postgres.patience_s = PATIENCE_S
        try:
            await asyncio.gather(kafka.start(), postgres.start())
            await create_topics(kafka.bootstrap)
            state.publish(Running("http://unused", kafka.bootstrap, postgres.url, {}))
            write_private(state.root / "clock.json", "{}")
            admin: asyncpg.Connection = await asyncpg.connect(postgres.url)
            await admin.execute("create table promised (number int)")
            assert (await backups.backup(state, folder, nothing)).parts == 1
            plans = [message(plan_event(TOPICS[topic])) for _ in range(3)]
            for number in range(2):
                await admin.execute("insert into promised values ($1)", number)
            await produce(kafka.bootstrap, plans[:1], partition=2)
            at: dt.datetime = await admin.fetchval(
                "select date_trunc('milliseconds', clock_timestamp()) + interval '5 ms'"
            )
            while await admin.fetchval("select clock_timestamp() <= $1", at + dt.timedelta(milliseconds=5)):
                pass
            await produce(kafka.bootstrap, plans[1:], partition=2)
            await admin.execute("insert into promised values (2)")
            done = await backups.backup(state, folder, nothing)
            assert (done.parts, done.records) == (2, 3)
            await admin.close()
        finally:
            await asyncio.gather(kafka.stop(), postgres.stop())

    for instant, numbers, sent in ((at.isoformat(), [0, 1], plans[:1]), (None, [0, 1, 2], plans)):
        with temporary_state() as state:
            shutil.rmtree(state.root)
            restored = await backups.restore(state, folder, instant, [], nothing)
            try:
                admin = await asyncpg.connect(restored.postgres.url)
                rows = await admin.fetch("select number from promised order by number")
                assert [row["number"] for row in rows] == numbers
                await admin.execute("insert into promised values (3)")  # nobody waits for anything any more
                await admin.close()
                assert (restored.records, restored.later) == (len(sent), 3 - len(sent))
                assert (state.root / "clock.json").read_text() == "{}"
                kafka = Kafka(state)
                kafka.patience_s = PATIENCE_S
                try:
                    await kafka.start()
                    records = await everything(kafka.bootstrap, topic)
                    assert [(one.partition, one.key, one.value, [*one.headers]) for one in records] == [
                        (2, one.key, one.value, one.headers) for one in sent
                    ]
                finally:
                    await kafka.stop()
                with pytest.raises(Unusable, match="half restored"):
                    await System(state, Options()).run()
            finally:
                await backups.finish(state, restored)


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("yesterday", "is no instant"),
        ("2026-01-01T00:00", "has no offset"),
        ("2020-01-01T00:00+07:00", "instants from"),
    ],
)
def test_an_instant_that_cannot_be_had_back_is_refused(at: str, said: str) -> None:
    known = backups.Backup(1, "1", "2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00", "0/0", 1, 0)
    with pytest.raises(BackupRefused, match=said):
        backups.instant_of(known, at)
