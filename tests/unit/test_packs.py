"""What a pack says, of whom it does not, and that its bytes can be proven."""

import csv
import datetime as dt
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.domain.disclosure import FEW, MANY, counted_together
from services.reporting.domain.packs import TOGETHER, Sums, fewest_shown, whole_months
from services.reporting.domain.periods import Period, total
from services.reporting.views.packs.made import Pack, made
from services.reporting.views.packs.manifest import NAME, differences
from services.reporting.views.packs.tables import written
from shared.proof_keys import PublicKeys
from tests.kit.packs import NAMES, NOVEMBER, SIZES, TWO_WEEKS, day, figures, keys, pack, sums

ROOT = Path(__file__).parents[2]
PEOPLE = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), st.integers(0, 120), max_size=12)


@pytest.fixture(scope="module")
def november() -> Pack:
    return pack()


def public(seed: bytes = b"1") -> PublicKeys:
    return PublicKeys.of(json.dumps({"keys": keys(seed).jwks()}))


# --- Who is counted together -----------------------------------------------------------------------------------


@given(PEOPLE, st.sampled_from([FEW, MANY]))
def test_every_group_that_is_shown_is_large_enough_and_no_difference_gives_a_smaller_one(
    people: dict[str, int], fewest: int
) -> None:
    together = counted_together(people, fewest)
    shown = [n for code, n in people.items() if code not in together and n]
    rest = sum(people[code] for code in together)
    assert all(n >= fewest for n in shown)
    assert rest == 0 or rest >= fewest or not shown


@given(PEOPLE.filter(lambda people: any(0 < n < FEW for n in people.values())))
def test_whoever_is_counted_together_is_not_counted_alone(people: dict[str, int]) -> None:
    groups = [code for code in counted_together(people, FEW) if people[code]]
    assert len(groups) > 1 or sum(1 for n in people.values() if n) == 1


@given(st.lists(PEOPLE, min_size=1, max_size=4))
def test_a_date_adds_the_same_groups_to_every_period(dates: list[dict[str, int]]) -> None:
    """So the difference of two packs that differ by a date is what the pack of that date alone says."""
    first = dt.date(2025, 11, 3)
    whole, shorter, alone = Sums(MANY), Sums(MANY), Sums(MANY)
    for number, sizes in enumerate(dates):
        date = first + dt.timedelta(days=number)
        whole.add(date, day(sizes))
        (alone if number + 1 == len(dates) else shorter).add(date, day(sizes))
    for code, group in whole.opds().items():
        parts = [of.opds()[code].totals for of in (shorter, alone) if code in of.opds()]
        assert group.totals == total(parts)


def test_whole_months_show_small_groups_and_other_periods_do_not() -> None:
    assert whole_months(NOVEMBER)
    assert whole_months(Period(dt.date(2024, 2, 1), dt.date(2024, 3, 31)))
    assert not whole_months(Period(dt.date(2024, 2, 1), dt.date(2024, 2, 28)))
    assert (fewest_shown(NOVEMBER), fewest_shown(TWO_WEEKS)) == (FEW, MANY)
    assert set(sums(NOVEMBER).opds()) == {"1.01", "1.02", TOGETHER}
    # 30 people are enough in a whole month, but the 3 of another OPD must not be counted alone.
    assert set(sums(NOVEMBER, {**SIZES, "1.04": 8}).opds()) == {"1.01", "1.02", "1.03", "1.04"}
    assert set(sums(TWO_WEEKS, {**SIZES, "1.04": 8}).opds()) == {"1.01", TOGETHER}


def test_the_lines_add_up_to_the_city_and_small_cells_are_withheld() -> None:
    small = figures(sizes={"1.01": 400, "1.02": 30, "1.03": 6})
    assert small.city.figures.employees == 436
    lines = {line.code: line.figures.duties["on_time"] for line in small.opds}
    assert lines["1.01"].met is not None
    assert small.together is None
    # Six people on 20 working days: one not met each day is 20 of them, and tells of nobody in a month.
    assert lines["1.03"].not_met == 20
    assert sum(line.output.submitted for line in small.opds if line.output) == small.city.output.submitted  # type: ignore[union-attr]


def test_of_a_city_of_four_nothing_is_told() -> None:
    few = figures(sizes={"1.01": 4})
    assert few.city.output is None
    assert few.city.figures.employees is None
    tables = made(few, keys()).files
    [row] = [row for row in csv.DictReader(io.StringIO(tables["duties.csv"].decode())) if row["duty"] == "on_time"]
    assert {row[name] for name in ("rate", "low", "high", "n", "met", "not_met", "unknown")} == {""}


# --- What is written -------------------------------------------------------------------------------------------


def test_tables_are_exact_and_run_nothing(november: Pack) -> None:
    assert november.files["counters.csv"].decode().splitlines()[1].startswith("Loket 2,U-2,")
    rows = list(csv.DictReader(io.StringIO(november.files["counters.csv"].decode())))
    assert [row["counter"] for row in rows] == ["Loket 2", "Loket 3", "Loket 1"]
    assert float(rows[0]["budget_spent"]) == pytest.approx(5 / 1.4)
    assert float(rows[0]["attainment"]) == 135 / 140
    by_opd = list(csv.DictReader(io.StringIO(november.files["duties-by-opd.csv"].decode())))
    assert [row["opd_code"] for row in by_opd] == ["1.01", "1.02", ""]
    output = csv.DictReader(io.StringIO(november.files["output-by-opd.csv"].decode()))
    assert sum(int(row["submitted"]) for row in output) == 553 * 20
    tagged = made(figures(sizes={"1.04": 60}), keys()).files["duties-by-opd.csv"].decode()
    assert "'" + NAMES["1.04"] in tagged


def test_a_document_asks_for_nothing_outside_and_takes_no_name_for_markup(november: Pack) -> None:
    for language in ("id", "en"):
        html = november.files[f"pack-{language}.html"].decode()
        assert "<script" not in html
        assert not re.search(r"(src|href)=[\"'](?!#)", html)
        assert not re.search(r"url\((?!#)", html)
        assert "Dinas &lt;Satu&gt; &amp; &#34;A&#34;" in html
        assert f'lang="{language}"' in html
        assert november.files[f"pack-{language}.pdf"].startswith(b"%PDF-")
    assert "Rotasi separuh: belum dapat dikatakan (" in november.files["pack-id.html"].decode()
    assert "−2,4%" in november.files["pack-id.html"].decode()
    assert "cd" * 32 in november.files["pack-en.html"].decode()
    assert "Berkas bukti" in november.files["pack-id.html"].decode()
    assert "Proof pack" in november.files["pack-en.html"].decode()


def test_a_share_of_more_than_one_is_written_as_it_is() -> None:
    assert written(3.5714, "share", "id") == "357,1%"
    assert [written(share, "share", "en") for share in (1, 0.9999, None)] == ["100.0%", "99.9%", "–"]
    assert written("", "opd", "id") == "Digabung"


def test_two_processes_make_the_same_bytes_wherever_they_run(november: Pack) -> None:
    elsewhere = {"PYTHONHASHSEED": "7", "TZ": "America/St_Johns", "LANG": "tr_TR.UTF-8", "HOME": "/"}
    ran = subprocess.run(
        [sys.executable, "-m", "tests.kit.packs"],
        cwd=ROOT,
        env={**os.environ, **elsewhere},
        capture_output=True,
        check=True,
        text=True,
    )
    assert ran.stdout == november.manifest.pack_id


# --- What is proven --------------------------------------------------------------------------------------------


def test_a_pack_is_proven_and_whatever_is_altered_is_named(november: Pack) -> None:
    manifest, files = november.manifest.written(), november.files
    assert differences(manifest, files, public()) == []
    for name, body in files.items():
        altered = {**files, name: body[:-1] + bytes([body[-1] ^ 1])}
        assert [one.partition(":")[0] for one in differences(manifest, altered, public())] == [name]
    missing = {name: body for name, body in files.items() if name != "duties.csv"}
    assert differences(manifest, missing, public()) == ["duties.csv: missing"]
    assert differences(manifest, {**files, "more.csv": b""}, public()) == ["more.csv: not a file of this pack"]


def test_a_manifest_that_was_altered_is_not_proven(november: Pack) -> None:
    manifest, files = november.manifest.written(), november.files
    said = json.loads(manifest)
    for change in ({"facts_digest": "0" * 64}, {"to": "2025-12-31"}, {"files": said["files"][1:]}):
        told = differences(json.dumps({**said, **change}).encode(), files, public())
        assert [one for one in told if one.startswith(f"{NAME}: altered")], change
    # Who alters a file and its hash with it needs a new id, and a new signature.
    said["files"][0]["sha256"] = "0" * 64
    told = differences(json.dumps(said).encode(), files, public())
    assert len([one for one in told if one.startswith(NAME)]) == 2
    assert differences(manifest, files, public(b"2"))[0].startswith(f"{NAME}: it names a key")
    assert differences(b"{}", files, public())[0].startswith(f"{NAME}: it is no manifest")
    assert differences(manifest.replace(b'"format"', b'"more":1,"format"'), files, public()) != []
