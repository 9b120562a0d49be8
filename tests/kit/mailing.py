"""The e-mail channel for tests: its settings, and letters to send by it."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from services.notifications.channels import Address, Parcel
from services.notifications.channels.email import Box
from services.notifications.domain.kinds import Kind
from services.notifications.views.wording import Worded
from shared.settings import Settings

PUBLIC = "https://hadir.bekasikota.example/kota"
AT = dt.datetime(2025, 11, 6, 7, 10, tzinfo=dt.timezone(dt.timedelta(hours=7)))
WORDED = Worded(
    notification_id=UUID(int=7),
    kind="counter.short",
    language="id",
    title="Loket Jatiasih kekurangan petugas",
    text="Ada 1 dari 2 petugas sejak 07.10 WIB. Kirim pengganti sebelum 07.20 WIB.",
    why="Anda menerima ini karena mengepalai unit itu.",
    link="/reporting/desk/counters/JATI-1",
    at=AT,
    params={},
    subject="JATI-1",
    acknowledge=True,
)


def message_key(folder: Path) -> Path:
    """The file of a key of its own."""
    path = folder / f"message-{uuid4().hex}.pem"
    key = generate_private_key(SECP256R1())
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def mail_settings(folder: Path, port: int, **changes: Any) -> dict[str, Any]:
    """What a service needs to be told to send e-mail to a server on this machine."""
    return {
        "message_key_file": message_key(folder),
        "public_url": PUBLIC,
        "mail_from": "Hadir Kota Bekasi <hadir@bekasikota.example>",
        "smtp_host": "127.0.0.1",
        "smtp_port": port,
        "smtp_tls": "none",
        **changes,
    }


def settings_of(folder: Path, port: int, **changes: Any) -> Settings:
    """Settings with nothing behind them but a mail server."""
    return Settings.model_validate(
        {
            "service": "notifications",
            "database_url": "postgresql://nobody@127.0.0.1:9/none",
            "kafka_bootstrap": "127.0.0.1:9",
            "token_public_key_file": folder / "none.pem",
            **mail_settings(folder, port, **changes),
        }
    )


def parcel(
    *messages: Worded,
    to: str = "budi@bekasikota.example",
    fixed: tuple[Kind, ...] = (),
    subscribed: bool = False,
) -> Parcel:
    said = messages or (WORDED,)
    box = Box(to, frozenset(fixed), subscribed)
    return Parcel(said[0].notification_id, UUID(int=1), said, [Address("a", "127.0.0.1", box)], 1)


def worded(nth: int, **changes: Any) -> Worded:
    return replace(WORDED, notification_id=UUID(int=nth), **changes)
