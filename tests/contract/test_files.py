"""Files in a folder and in a real S3-compatible server: the same promises."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.files import Files, InFolder, InS3, NoFile, StoreAway, files_of
from tests.kit.npm import npm_home
from tests.kit.services import Signer, settings_for

BUCKET = "hadir-bukti"
KEY = "evidence/ab/" + "ab" * 32


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a bucket of a server that checks signatures."""
    home = Path(__file__).parents[1] / "kit" / "s3"
    command = ["node", "-e", (home / "serve.js").read_text("utf-8"), str(tmp_path_factory.mktemp("s3")), BUCKET]
    with subprocess.Popen(command, cwd=npm_home(home), stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        assert port, "the S3 server did not start"
        yield f"http://127.0.0.1:{port}/{BUCKET}"
        server.terminate()


@pytest.fixture(params=["folder", "s3"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    if request.param == "folder":
        return InFolder(tmp_path / "files")
    return InS3(request.getfixturevalue("s3"), user="S3RVER", secret="S3RVER", region="us-east-1")


async def test_a_file_is_kept_whole_and_gone_when_it_is_deleted(files: Files) -> None:
    body = os.urandom(6_000_000)
    with pytest.raises(NoFile):
        await files.get(KEY)
    await files.put(KEY, body)
    await files.put(KEY, body)
    assert await files.get(KEY) == body
    await asyncio.gather(*(files.put(f"evidence/cd/{n}", bytes([n])) for n in range(8)))
    assert [await files.get(f"evidence/cd/{n}") for n in range(8)] == [bytes([n]) for n in range(8)]
    await files.delete(KEY)
    await files.delete(KEY)
    with pytest.raises(NoFile):
        await files.get(KEY)


@pytest.mark.parametrize("key", ["../secret", "/etc/passwd", "a//b", "a/../b", "", "A", "a b"])
async def test_a_key_leads_nowhere_else(files: Files, key: str) -> None:
    for use in (files.put(key, b"x"), files.get(key), files.delete(key)):
        with pytest.raises(ValueError, match="is no key"):
            await use


async def test_a_folder_holds_nothing_but_whole_files_for_our_eyes_only(tmp_path: Path) -> None:
    files = InFolder(tmp_path / "files")
    await asyncio.gather(*(files.put(KEY, b"x" * 100_000) for _ in range(5)))
    (kept,) = [path for path in (tmp_path / "files").rglob("*") if path.is_file()]
    assert (kept.stat().st_size, kept.stat().st_mode & 0o777) == (100_000, 0o600)


async def test_a_store_that_cannot_be_used_is_away_and_nobodys_fault(tmp_path: Path, s3: str) -> None:
    (tmp_path / "file").write_text("in the way")
    stores = [
        InFolder(tmp_path / "file"),
        InS3(s3, user="S3RVER", secret="wrong", region="us-east-1"),
        InS3("http://127.0.0.1:9/bucket", user="S3RVER", secret="S3RVER", region="us-east-1"),
    ]
    for store in stores:
        with pytest.raises(StoreAway):
            await store.put(KEY, b"x")
        with pytest.raises(StoreAway):
            await store.get(KEY)


def test_the_settings_choose_the_store(tmp_path: Path) -> None:
    def chosen(**more: Any) -> Files:
        url = "postgresql://nobody@127.0.0.1/none"
        return files_of(settings_for("reporting", Signer(), tmp_path, database_url=url, **more))

    host, user, secret = "https://s3.example.go.id", {"evidence_store_user": "u"}, {"evidence_store_secret": "s"}
    assert isinstance(chosen(), InFolder)
    assert isinstance(chosen(evidence_store_url=f"{host}/bukti", **user, **secret), InS3)
    with pytest.raises(ValueError, match="HADIR_EVIDENCE_STORE_SECRET"):
        chosen(evidence_store_url=f"{host}/bukti", **user)
    with pytest.raises(ValueError, match="bucket"):
        chosen(evidence_store_url=host, **user, **secret)
