"""Kafka users and access lists, worked out from the table of topics and from what each service declares to read.

`python -m deploy.kafka.access` makes the services' users; `... access reader NAME --audience public` makes a user
for another system of the city, which may read and nothing else. Running it again changes passwords and adds what
is missing; it takes nothing away.
"""

import argparse
import importlib
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from services.reporting.domain.transparency import under_trees
from shared.bus import Router
from shared.events import TOPICS, Audience
from shared.events.base import SERVICES

ADMIN = "admin"
ITERATIONS = 8192
TIMEOUT_S = 30
ANSWERS_WITHIN_S = 5
SECURE = "make the secrets with deploy/new_env.sh, then set it"


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One line of an access list. A group is named by its prefix, a topic by its whole name."""

    user: str
    kind: Literal["topic", "group"]
    name: str
    operation: Literal["read", "write"]


def declared(service: str) -> Router:
    """What a service declares to read; nothing if it has no handlers."""
    module = f"services.{service}.handlers"
    try:
        return importlib.import_module(module).router
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        return Router()


def grants_of(service: str) -> set[Grant]:
    """What one service may do: write what it owns, read what it declares or follows, set aside the unreadable."""
    grants = {Grant(service, "topic", topic.name, "write") for topic in TOPICS.values() if topic.owner == service}
    for declaration in declared(service).declarations:
        if not declaration.group.startswith(f"{service}."):
            raise ValueError(f"group {declaration.group} of {service}: name it {service}.<handler>")
        grants.add(Grant(service, "group", f"{service}.", "read"))
        for name in declaration.topics:
            grants.add(Grant(service, "topic", name, "read"))
            grants.add(Grant(service, "topic", TOPICS[name].dead_letters, "write"))
    if service == "reporting":  # it keeps the log's trees
        grants |= {Grant(service, "topic", topic.name, "read") for topic in under_trees()}
    return grants


def grants_of_reader(name: str, audience: Audience) -> set[Grant]:
    """What another system may do: read the topics of its audience, in groups named after itself.

    `public` has no personal data at all; `internal` adds the topics with employee ids; `restricted` is everything.
    """
    if name in (*SERVICES, ADMIN):
        raise ValueError(f"{name} is a user of Hadir itself: choose another name")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", name):
        raise ValueError(
            f"{name!r} cannot be a user's name: take letters, digits, - and _, beginning with one of the former"
        )
    allowed = get_args(Audience)[: get_args(Audience).index(audience) + 1]
    topics = {Grant(name, "topic", topic.name, "read") for topic in TOPICS.values() if topic.audience in allowed}
    return {*topics, Grant(name, "group", f"{name}.", "read")}


def apply(client: Any, passwords: Mapping[str, str], grants: Iterable[Grant]) -> None:
    """Make users with these passwords and give them these grants. `client` is confluent-kafka's AdminClient.

    Raises KafkaException with what the cluster refused.
    """
    import confluent_kafka.admin

    # Its modules export these names without saying so.
    kafka: Any = confluent_kafka.admin
    sha512 = kafka.ScramCredentialInfo(kafka.ScramMechanism.SCRAM_SHA_512, ITERATIONS)
    users: list[Any] = [
        kafka.UserScramCredentialUpsertion(user, sha512, password.encode()) for user, password in passwords.items()
    ]
    acls: list[Any] = [
        kafka.AclBinding(
            kafka.ResourceType.TOPIC if grant.kind == "topic" else kafka.ResourceType.GROUP,
            grant.name,
            kafka.ResourcePatternType.LITERAL if grant.kind == "topic" else kafka.ResourcePatternType.PREFIXED,
            f"User:{grant.user}",
            "*",
            kafka.AclOperation.READ if grant.operation == "read" else kafka.AclOperation.WRITE,
            kafka.AclPermissionType.ALLOW,
        )
        for grant in sorted(grants)
    ]
    for answer in client.alter_user_scram_credentials(users).values():
        answer.result(timeout=TIMEOUT_S)
    for answer in client.create_acls(acls).values():
        answer.result(timeout=TIMEOUT_S)


def admin_client(bootstrap: str, password: str, *, tls: bool = False, ca_file: str | None = None) -> Any:
    """A client of the administrator's; under TLS it trusts `ca_file`, or else the machine's list."""
    from confluent_kafka.admin import AdminClient

    settings: dict[str, str | int | float | bool] = {
        "bootstrap.servers": bootstrap,
        "security.protocol": "SASL_SSL" if tls else "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": ADMIN,
        "sasl.password": password,
    }
    if ca_file:
        settings["ssl.ca.location"] = ca_file
    return AdminClient(settings)


def _required(environ: Mapping[str, str], names: Sequence[str]) -> list[str]:
    missing = [name for name in names if not environ.get(name)]
    if missing:
        raise SystemExit("\n".join(f"{name} is not set: {SECURE}" for name in missing))
    return [environ[name] for name in names]


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> None:
    from confluent_kafka import KafkaException

    parser = argparse.ArgumentParser(
        prog="python -m deploy.kafka.access", description=(__doc__ or "").split("\n")[0]
    )
    who = parser.add_subparsers(dest="who")
    reader = who.add_parser("reader", help="another system; its password in HADIR_KAFKA_READER_PASSWORD")
    reader.add_argument("name")
    reader.add_argument("--audience", choices=get_args(Audience), default="public")
    asked = parser.parse_args(arguments)
    bootstrap, admin_password = _required(environ, ["HADIR_KAFKA_BOOTSTRAP", "HADIR_KAFKA_ADMIN_PASSWORD"])
    if asked.who == "reader":
        (password,) = _required(environ, ["HADIR_KAFKA_READER_PASSWORD"])
        passwords = {str(asked.name): password}
        try:
            grants = grants_of_reader(asked.name, asked.audience)
        except ValueError as error:
            raise SystemExit(str(error)) from error
    else:
        given = _required(environ, [f"HADIR_{service.upper()}_KAFKA_PASSWORD" for service in SERVICES])
        passwords = {ADMIN: admin_password, **dict(zip(SERVICES, given, strict=True))}
        grants = {grant for service in SERVICES for grant in grants_of(service)}
    tls = environ.get("HADIR_KAFKA_SECURITY_PROTOCOL") == "SASL_SSL"
    ca_file = environ.get("HADIR_KAFKA_CA_FILE") if tls else None
    client = admin_client(bootstrap, admin_password, tls=tls, ca_file=ca_file)
    try:
        client.list_topics(timeout=ANSWERS_WITHIN_S)  # else a wrong password would be tried for a minute
        apply(client, passwords, grants)
    except (KafkaException, TimeoutError) as error:
        raise SystemExit(f"Kafka at {bootstrap} refused: {error}; see its address and password") from error
    sys.stdout.write(f"users: {', '.join(passwords)}; {len(grants)} grants\n")


if __name__ == "__main__":
    main(sys.argv[1:], os.environ)
