"""Files kept under a key: in a folder, or in an S3-compatible store. What is in them is their owner's business.

A file is written whole or not at all; writing the same again changes nothing. Keys are made by us: letters, digits
and slashes.
"""

import asyncio
import os
import re
import tempfile
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from shared.settings import Settings

if TYPE_CHECKING:
    from obstore.store import S3Store

_KEY = re.compile(r"[a-z0-9]+(/[a-z0-9]+)*")
ANSWERS_WITHIN_S = 30


class NoFile(Exception):
    """There is no file under the key."""


class StoreAway(ConnectionError):
    """The store does not answer, or refuses us: the same may pass later. Nobody's request is wrong."""


class Files(Protocol):
    """Where files stand."""

    async def put(self, key: str, body: bytes) -> None:
        """Keep `body` under `key`, durably. Raises StoreAway."""
        ...

    async def get(self, key: str) -> bytes:
        """What is kept under `key`. Raises NoFile, StoreAway."""
        ...

    async def delete(self, key: str) -> None:
        """Keep nothing under `key` any more. Raises StoreAway."""
        ...


def _checked(key: str) -> str:
    """`key`. Raises ValueError for one that we would not make: it might lead out of the folder."""
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key!r} is no key of a file")
    return key


class InFolder:
    """Files of one machine, or of a disk that the replicas share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, key: str, body: bytes) -> None:
        path = self._folder / _checked(key)
        try:
            await asyncio.to_thread(_write, path, body)
        except OSError as error:
            raise StoreAway(f"{path.parent} cannot be written to: {error}") from error

    async def get(self, key: str) -> bytes:
        path = self._folder / _checked(key)
        try:
            return await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError as error:
            raise NoFile(key) from error
        except OSError as error:
            raise StoreAway(f"{path} cannot be read: {error}") from error

    async def delete(self, key: str) -> None:
        path = self._folder / _checked(key)
        try:
            await asyncio.to_thread(path.unlink, missing_ok=True)
        except OSError as error:
            raise StoreAway(f"{path} cannot be deleted: {error}") from error


def _write(path: Path, body: bytes) -> None:
    """Another name first, then the right one in one step: nobody sees half a file, not even after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class InS3:
    """Files in one bucket, at any server that speaks S3. `url` is `https://host[:port]/bucket`."""

    def __init__(self, url: str, *, user: str, secret: str, region: str) -> None:
        self._url = url
        self._user = user
        self._secret = secret
        self._region = region

    @cached_property
    def _store(self) -> "S3Store":
        from obstore.store import S3Store  # ten megabytes, for those who use it

        endpoint, _, bucket = self._url.rstrip("/").rpartition("/")
        return S3Store(
            bucket,
            endpoint=endpoint,
            access_key_id=self._user,
            secret_access_key=self._secret,
            region=self._region,
            client_options={"allow_http": True, "timeout": f"{ANSWERS_WITHIN_S}s"},
            retry_config={"max_retries": 2},
        )

    async def put(self, key: str, body: bytes) -> None:
        import obstore
        from obstore.exceptions import BaseError

        try:
            # In one request: it is there, or it is not.
            await obstore.put_async(self._store, _checked(key), body, use_multipart=False)
        except (BaseError, OSError) as error:
            raise StoreAway(f"{self._url}: {error}") from error

    async def get(self, key: str) -> bytes:
        import obstore
        from obstore.exceptions import BaseError

        try:
            answer = await obstore.get_async(self._store, _checked(key))
            return bytes(await answer.bytes_async())
        except FileNotFoundError as error:
            raise NoFile(key) from error
        except (BaseError, OSError) as error:
            raise StoreAway(f"{self._url}: {error}") from error

    async def delete(self, key: str) -> None:
        import obstore
        from obstore.exceptions import BaseError

        try:
            await obstore.delete_async(self._store, _checked(key))
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise StoreAway(f"{self._url}: {error}") from error


def files_of(settings: Settings) -> Files:
    """Where a service keeps its files, by its settings."""
    url, user, secret = settings.evidence_store_url, settings.evidence_store_user, settings.evidence_store_secret
    if url is not None and user is not None and secret is not None:
        return InS3(url, user=user, secret=secret, region=settings.evidence_store_region)
    return InFolder(settings.evidence_dir or settings.state_dir / "evidence")
