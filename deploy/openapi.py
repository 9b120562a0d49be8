"""The golden OpenAPI documents in `docs/api/`: run this module to write them; a test compares them."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from shared.events.base import SERVICES, ServiceName
from shared.settings import load

FOLDER = Path(__file__).parents[1] / "docs" / "api"


def document(service: ServiceName) -> dict[str, Any]:
    """What a service says of its doors. Nothing is started or reached for it."""
    settings = load(
        service,
        {
            f"HADIR_{service.upper()}_DATABASE_URL": "postgresql://hadir@localhost/hadir",
            "HADIR_KAFKA_BOOTSTRAP": "localhost:9092",
            "HADIR_TOKEN_PUBLIC_KEY_FILE": "token-key.pub",
        },
    )
    return import_module(f"services.{service}.app").create_app(settings).openapi()


def text(service: ServiceName) -> str:
    """The file of a service, byte for byte."""
    return json.dumps(document(service), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> None:
    for service in SERVICES:
        (FOLDER / f"{service}.json").write_text(text(service), encoding="utf-8")


if __name__ == "__main__":
    main()
