"""Where a command finds what it works on: by the environment, else as the system that runs here."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.local.state import NotRunning, Running, State
from shared.events.base import SERVICES, ServiceName
from shared.settings import Settings, SettingsError, load, readable_url

if TYPE_CHECKING:
    from shared.proof_keys import PublicKeys


def database_url(service: ServiceName) -> str:
    """The URL of a service's database: from the environment, else of the system that runs here.

    Raises NotRunning, and SettingsError for one that cannot be read.
    """
    variable = f"HADIR_{service.upper()}_DATABASE_URL"
    given = os.environ.get(variable)
    if given:
        try:
            return readable_url(given)
        except ValueError as error:
            raise SettingsError(f"{variable}: {error}") from error
    state = State.from_environment()
    return state.database_url(service, state.running().postgres)


def services_here() -> tuple[ServiceName, ...]:
    """The services whose databases can be reached from here: those that the environment names, else all of the
    system that runs here."""
    return tuple(name for name in SERVICES if os.environ.get(f"HADIR_{name.upper()}_DATABASE_URL")) or SERVICES


def groups_here() -> dict[str, list[str]]:
    """Each consumer of these services, and the topics that it reads."""
    from deploy.kafka.access import declared

    return {
        declaration.group: list(declaration.topics)
        for service in services_here()
        for declaration in declared(service).declarations
    }


def settings_of(service: ServiceName) -> Settings:
    """The settings of a service: from the environment, else of the system that runs here; raises as above."""
    if os.environ.get(f"HADIR_{service.upper()}_DATABASE_URL"):
        return load(service)
    state = State.from_environment()
    running = state.running()
    return load(
        service,
        {
            f"HADIR_{service.upper()}_DATABASE_URL": state.database_url(service, running.postgres),
            "HADIR_KAFKA_BOOTSTRAP": running.kafka,
            "HADIR_TOKEN_PUBLIC_KEY_FILE": str(state.public_key),
            "HADIR_TOKEN_PRIVATE_KEY_FILE": str(state.private_key),
            "HADIR_RECEIPT_KEY_FILE": str(state.receipt_key) if state.receipt_key.exists() else "",
            "HADIR_PROOF_KEY_FILE": str(state.proof_key) if state.proof_key.exists() else "",
            "HADIR_MESSAGE_KEY_FILE": str(state.message_key) if state.message_key.exists() else "",
            "HADIR_STATE_DIR": str(state.root),
        },
    )


def signing_key(variable: str, of_state: Path, door: str) -> Path:
    """The key of what a service signed: that of its own environment, else of the system that runs here.

    Raises NotRunning where neither has one, with the door at which its public half is had.
    """
    known = Path(os.environ.get(variable) or of_state)
    if not known.exists():
        raise NotRunning(f"there is no key {known}: save {door} and give it by --keys")
    return known


def proof_keys(file: Path | None) -> "PublicKeys":
    """The keys of packs and checkpoints: of a file as the door gives them, else of what signs here.

    Raises NotRunning as above, Unproven for a file of something else.
    """
    from shared.proof_keys import DOOR, ProofKeys, PublicKeys

    if file is not None:
        return PublicKeys.of(file.read_text())
    own = signing_key("HADIR_PROOF_KEY_FILE", State.from_environment().proof_key, DOOR)
    return PublicKeys.of(json.dumps({"keys": ProofKeys.from_file(own).jwks()}))


def kafka() -> dict[str, Any]:
    """The arguments of a Kafka client: from the environment, else of the system that runs here."""
    if os.environ.get("HADIR_KAFKA_BOOTSTRAP"):
        from shared.bus import client_arguments

        # Only the cluster matters here; the rest of a service's settings need not be there.
        unused = {"HADIR_REPORTING_DATABASE_URL": "postgresql://unused", "HADIR_TOKEN_PUBLIC_KEY_FILE": "unused"}
        return {**client_arguments(load("reporting", {**unused, **os.environ})), "client_id": "hadir-cli"}
    running: Running = State.from_environment().running()
    return {"bootstrap_servers": running.kafka, "client_id": "hadir-cli"}
