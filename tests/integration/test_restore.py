"""A backup of a running system, of real processes: what is had back of it holds the same, and goes on."""

import asyncio
import json
import shutil
from pathlib import Path
from uuid import UUID

import pytest

from demo.city import build
from deploy.local.state import State
from tests.e2e.test_working_day import begun
from tests.integration.test_local_system import up
from tests.kit.backing import temporary_state
from tests.kit.receiver import Receiver, receiving
from tests.kit.restoring import OFFICER, OUTAGES, City, hadir, ids, outages_sent, recorded, requests

pytestmark = pytest.mark.long

LEAVER = UUID("6f1c1f0e-6a56-4ac1-9d0c-5cb5b8b0e0aa")
NAME, NIP = "Aniwati Sukmaningtyas", "198501012010011001"
FILES = {
    "opds": "opd_code,name,short_name,kind,direct_service\n9.01,Dinas Uji,Uji,dinas,full\n",
    "units": "unit_id,opd_code,name,is_service_point,direct_service\nUJI,9.01,Kantor Uji,false,false\n",
    "employees": "employee_id,nip,name,opd_code,unit_id,employment,timetable\n"
    f"{LEAVER},{NIP},{NAME},9.01,UJI,PNS,five_day\n",
}


LEFT = FILES["employees"].replace("timetable\n", "timetable,active\n").replace("five_day\n", "five_day,false\n")
PEOPLE, KEY = "directory.employee.v1", str(LEAVER).encode()


UNIT = min(build(60).units)


def empty(state: State) -> None:
    shutil.rmtree(state.root)


def reaching(receiver: Receiver) -> dict[str, str]:
    return {
        "HADIR_WEBHOOK_NETWORKS": "127.0.0.0/8",
        "HADIR_WEBHOOK_PORTS": str(receiver.port),
        "HADIR_WEBHOOK_PLAIN_HTTP": "true",
    }


async def declaring(city: City, declared: list[str], enough: asyncio.Event) -> None:
    """Outages, one after the other."""
    while not enough.is_set():
        declared.append(await city.outage(UNIT))


async def test_a_city_that_is_backed_up_while_it_works_is_had_back_with_its_hash_and_goes_on(
    tmp_path: Path,
) -> None:
    folder, declared = tmp_path / "backup", list[str]()
    async with receiving(None) as receiver:
        with temporary_state() as state, up(state, **reaching(receiver)) as system:
            async with City(state, system) as city:
                await city.follow_outages(receiver)
                day = await asyncio.to_thread(begun, state, "60")
                told = asyncio.create_task(asyncio.to_thread(day.communicate))
                enough = asyncio.Event()
                writing = asyncio.create_task(declaring(city, declared, enough))
                (await hadir(state, "backup", folder)).well()
                enough.set()
                await writing
                assert day.poll() is None, "the day ended before the backup: only outages were declared meanwhile"
                _, said = await told
                assert day.returncode == 0, said[-3000:]
                end, log, sent = await city.quiet(), await ids(system.kafka), requests(receiver)
                (await hadir(state, "backup", folder)).well()
                digest = (await hadir(state, "digest", "--all")).well().out
                lost = await city.outage(UNIT)  # after the last instant: nobody has it back
                await city.quiet()
                outages = [(one.key or b"").decode() for one in await recorded(system.kafka, [OUTAGES])]
        assert declared
        assert {*declared, lost} <= {*outages}
        assert sorted(outages_sent(receiver)) == sorted(outages)
        receiver.got.clear()

        with temporary_state() as state:
            empty(state)
            (await hadir(state, "restore", folder)).well()
            with up(state, **reaching(receiver)) as system:
                async with City(state, system) as city:
                    assert await city.quiet() == end
                    assert (await hadir(state, "digest", "--all")).well().out == digest
                    assert await ids(system.kafka) == log
                    assert receiver.got == [], "something was sent once more"
                    new = await city.outage(UNIT)
                    await city.quiet()
                    more = await ids(system.kafka)
                    assert len(more[OUTAGES]) == len(log[OUTAGES]) + 1
                    assert outages_sent(receiver) == [new]
                    assert not {*requests(receiver)} & {*sent}
                    checked = (await hadir(state, "check")).well().out
                    assert checked.count("0 are not those of the log") == 4, checked
                    refused = await hadir(state, "backup", folder)
                    assert "begin anew in a new folder" in refused.err


async def test_whom_a_restore_brings_back_is_erased_again_in_every_service_and_topic(tmp_path: Path) -> None:
    folder, unaware, listed = tmp_path / "backup", tmp_path / "unaware", tmp_path / "erased"
    listed.write_text(f"{LEAVER}\n")
    with temporary_state() as state, up(state) as system:
        async with City(state, system) as city:
            for kind, text in FILES.items():
                await city.ask("POST", f"/scheduling/v1/imports/{kind}", 200, content=text)
            await city.quiet()
            assert {"scheduling.employee", "reporting.fact_employee", PEOPLE} <= await city.places_of(NAME, NIP)
            (await hadir(state, "backup", folder)).well()
            shutil.copytree(folder, unaware)
            at = json.loads((folder / "backup.json").read_text())["until"]
            await city.ask("POST", "/scheduling/v1/imports/employees", 200, content=LEFT)
            await city.ask("POST", f"/scheduling/v1/employees/{LEAVER}/erase", 200, json={"reason": "Uji"})
            await city.quiet()
            # What the directory said before its tombstone is compacted away in time.
            assert await city.places_of(NAME, NIP) == {PEOPLE}
            (await hadir(state, "backup", folder)).well()

    for source, options in ((folder, ["--at", at]), (unaware, ["--erased", listed])):
        with temporary_state() as state:
            empty(state)
            refused = await hadir(state, "restore", source, *options)
            assert (refused.code, "name --officer ID" in refused.err) == (1, True)
            assert not state.root.exists()
            done = (await hadir(state, "restore", source, *options, "--officer", str(OFFICER))).well()
            assert "1 people erased again" in done.out
            with up(state) as system:
                async with City(state, system) as city:
                    await city.quiet()
                    assert await city.places_of(NAME, NIP) == set()
                    said = [one.value for one in await recorded(system.kafka, [PEOPLE]) if one.key == KEY]
                    assert said == [None]
                    audit = await city.fetch(
                        "scheduling", "select officer from audit where action = 'employee.erased'"
                    )
                    assert [row["officer"] for row in audit] == [str(OFFICER)]
