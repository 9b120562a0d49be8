"""A year of the city made into a pack: how long it takes, and the memory of the process that makes it.

`bench/year.py` makes the facts, what follows from them is computed, and then the command itself runs, in a process
of its own, as an officer runs it.
"""

import os
import sys
import time
from asyncio import create_subprocess_exec, to_thread
from asyncio.subprocess import DEVNULL
from pathlib import Path

from bench import year
from bench.harness import ROOT, Figures, console, machine
from bench.history import compute
from shared.database import migrate

MONTHS = int(os.environ.get("MONTHS", "12"))
"""The history that is made into a pack; less for a quick look, whose figures have names of their own."""
_SECONDS, _PEAK_RSS = (
    ("pack_of_a_year_s", "pack_peak_rss_mib")
    if MONTHS == 12
    else (f"pack_of_{MONTHS}_months_s", f"pack_of_{MONTHS}_months_peak_rss_mib")
)
_HADIR = "from deploy.entry import main; main()"
_PEAK = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=open({file!r}, 'w'))"


async def measure(figures: Figures) -> None:
    async with machine() as here:
        url = await here.database("bench_pack")
        await to_thread(migrate, url, ROOT / "services" / "reporting" / "migrations")
        await year.make(url, MONTHS)
        console.print("  what follows from the facts")
        await compute(url)
        first, last = year.work_dates(MONTHS)[0], year.LAST
        for run in ("cold", "warm"):
            out, peak = here.folder / f"pack-{run}", here.folder / f"peak-{run}"
            key = here.folder / "proof.pem"
            await to_thread(_key, key)
            started = time.perf_counter()
            # Registered first, so that it runs last.
            code = f"import atexit; atexit.register(lambda: exec({_PEAK.format(file=str(peak))!r})); {_HADIR}"
            process = await create_subprocess_exec(
                sys.executable,
                *("-c", code, "pack", "--from", str(first), "--to", str(last)),
                *("--as-of", year.now().isoformat(), "--out", str(out)),
                cwd=ROOT,
                env={
                    **os.environ,
                    "HADIR_REPORTING_DATABASE_URL": url,
                    "HADIR_KAFKA_BOOTSTRAP": here.kafka,
                    "HADIR_TOKEN_PUBLIC_KEY_FILE": str(key),
                    "HADIR_PROOF_KEY_FILE": str(key),
                    "HADIR_STATE_DIR": str(here.folder / "state"),
                },
                stdout=DEVNULL,
            )
            if await process.wait():
                raise RuntimeError("hadir pack failed")
            figures.append(_SECONDS, time.perf_counter() - started)
            figures.append(_PEAK_RSS, int(peak.read_text()) / 1024)
            console.print(f"  {run}: {figures.runs[_SECONDS][-1]:.1f} s")


def _key(path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.generate()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
