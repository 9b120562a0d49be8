"""Who may do what in Kafka, worked out from the table of topics and from what each service declares to read.

`python -m deploy.kafka.access` makes the services' users, and takes from them what the table does not give them.
Other systems of the city: `hadir subscriber`.
"""

import importlib
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import get_args

from deploy.kafka.users import ADMIN, Grant, Refused, connect
from services.notifications.domain.subscriptions import followable
from services.reporting.domain.transparency import under_trees
from shared.bus import Router
from shared.events import TOPICS, Audience
from shared.events.base import SERVICES

OURS = {ADMIN, *SERVICES}
"""The users of Hadir itself."""
SECURE = "make the secrets with deploy/new_env.sh, then set it"


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
    """What one service may do: write what it owns and serve it as a feed, read what it declares or follows, set
    aside the unreadable."""
    own = [topic.name for topic in TOPICS.values() if topic.owner == service]
    grants = {Grant(service, "topic", name, operation) for name in own for operation in ("read", "write")}
    for declaration in declared(service).declarations:
        if not declaration.group.startswith(f"{service}."):
            raise ValueError(f"group {declaration.group} of {service}: name it {service}.<handler>")
        grants.add(Grant(service, "group", f"{service}.", "read"))
        for name in declaration.topics:
            grants.add(Grant(service, "topic", name, "read"))
            grants.add(Grant(service, "topic", TOPICS[name].dead_letters, "write"))
    if service == "notifications":  # it sends topics to the webhooks that follow them
        grants |= {Grant(service, "topic", name, "read") for name in followable()}
    if service == "reporting":  # it keeps the log's trees
        grants |= {Grant(service, "topic", topic.name, "read") for topic in under_trees()}
    return grants


def grants_of_reader(name: str, topics: Collection[str]) -> set[Grant]:
    """What another system may do: read these topics, in groups named after itself."""
    return {*(Grant(name, "topic", topic, "read") for topic in topics), Grant(name, "group", f"{name}.", "read")}


def topics_for(audience: Audience) -> list[str]:
    """What an audience may read: `public` has no personal data at all; `internal` adds the topics with employee
    ids; `restricted` is everything. Dead letters are for none of them: what nobody could read may hold anything.
    """
    allowed = get_args(Audience)[: get_args(Audience).index(audience) + 1]
    return [topic.name for topic in TOPICS.values() if topic.audience in allowed]


def required(environ: Mapping[str, str], names: Sequence[str]) -> list[str]:
    """The values of these variables; raises Refused, which names those that are missing."""
    missing = [name for name in names if not environ.get(name)]
    if missing:
        raise Refused("\n".join(f"{name} is not set: {SECURE}" for name in missing))
    return [environ[name] for name in names]


def main(environ: Mapping[str, str]) -> None:
    """The services' users, with the passwords of the environment, and what they may do: exactly that."""
    bootstrap, admin_password = required(environ, ["HADIR_KAFKA_BOOTSTRAP", "HADIR_KAFKA_ADMIN_PASSWORD"])
    given = required(environ, [f"HADIR_{service.upper()}_KAFKA_PASSWORD" for service in SERVICES])
    passwords = {ADMIN: admin_password, **dict(zip(SERVICES, given, strict=True))}
    grants = {grant for service in SERVICES for grant in grants_of(service)}
    tls = environ.get("HADIR_KAFKA_SECURITY_PROTOCOL") == "SASL_SSL"
    ca_file = environ.get("HADIR_KAFKA_CA_FILE")
    # By PLAIN: a new cluster has no user yet.
    with connect(bootstrap, admin_password, mechanism="PLAIN", tls=tls, ca_file=ca_file) as cluster:
        change = cluster.difference(passwords, grants, OURS.__contains__)
        for line in change.lines():
            sys.stdout.write(f"{line}\n")
        cluster.make_so(change, passwords)
    sys.stdout.write(f"users: {', '.join(passwords)}; {len(grants)} grants\n")


if __name__ == "__main__":
    try:
        main(os.environ)
    except Refused as error:
        raise SystemExit(str(error)) from error
