"""The cluster's users and access lists, made as somebody wants them: more where it lacks, less where it exceeds.

By confluent-kafka's AdminClient, for aiokafka cannot make SCRAM users.
"""

import contextlib
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

ADMIN = "admin"
ITERATIONS = 8192
TIMEOUT_S = 30
ANSWERS_WITHIN_S = 5


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One line of an access list. A group is named by its prefix, a topic by its whole name."""

    user: str
    kind: Literal["topic", "group"]
    name: str
    operation: Literal["read", "write"]


@dataclass(frozen=True, slots=True)
class Difference:
    """What has to change. `give` and `take` are AclBindings, which compare and sort by what they say."""

    give: list[Any]
    take: list[Any]
    missing: list[str]
    """Users that are to be there and have no password yet."""
    gone: list[str]
    """Users that are there and should not be."""

    def __bool__(self) -> bool:
        return bool(self.give or self.take or self.missing or self.gone)

    def lines(self) -> list[str]:
        """One for each change, in the order in which `Cluster.make_so` makes them."""
        return [
            *(f"{_said(one)}: taken away" for one in self.take),
            *(f"{user}: is no user any more" for user in self.gone),
            *(f"{user}: becomes a user" for user in self.missing),
            *(f"{_said(one)}: given" for one in self.give),
        ]


class Refused(Exception):
    """The cluster did not do what was asked; the text says why and where to look."""


class Cluster:
    """Users and access lists, seen by the administrator. Made by `connect`."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def users(self) -> set[str]:
        """All who have a password in the cluster."""
        return set(self._client.describe_user_scram_credentials().result(timeout=TIMEOUT_S))

    def difference(
        self, users: Iterable[str], grants: Iterable[Grant], whose: Callable[[str], bool]
    ) -> Difference:
        """What has to change for these users to be there with exactly these grants, and no others of those that
        `whose` is true of: the rest is not ours to change."""
        wanted, bindings = set(users), {_binding(grant) for grant in grants}
        there = {user for user in self.users() if whose(user)}
        holds = {one for one in self._bindings() if whose(one.principal.removeprefix("User:"))}
        return Difference(
            sorted(bindings - holds), sorted(holds - bindings), sorted(wanted - there), sorted(there - wanted)
        )

    def make_so(self, difference: Difference, passwords: Mapping[str, str]) -> None:
        """Rights go before passwords, and passwords come before rights: who loses both reads nothing from the
        first step on, although the connection stays. `passwords`: of these users, new or changed."""
        kafka = _kafka()
        self._each(self._client.delete_acls, [_filter(one) for one in difference.take])
        removed = [
            kafka.UserScramCredentialDeletion(user, info.mechanism)
            for user in difference.gone
            for info in self._client.describe_user_scram_credentials([user])[user]
            .result(timeout=TIMEOUT_S)
            .scram_credential_infos
        ]
        sha512 = kafka.ScramCredentialInfo(kafka.ScramMechanism.SCRAM_SHA_512, ITERATIONS)
        made = [
            kafka.UserScramCredentialUpsertion(user, sha512, password.encode())
            for user, password in passwords.items()
        ]
        self._each(self._client.alter_user_scram_credentials, [*removed, *made])
        self._each(self._client.create_acls, difference.give)
        self._wait(difference)

    def _wait(self, difference: Difference) -> None:
        """Return when a broker goes by it: the controller answers once it is written, and brokers read it then."""
        until = time.monotonic() + TIMEOUT_S
        while True:
            holds = {*self._bindings()}
            if holds.issuperset(difference.give) and holds.isdisjoint(difference.take):
                return
            if time.monotonic() > until:
                raise TimeoutError("the brokers do not go by the new access list yet")
            time.sleep(0.05)

    def _bindings(self) -> list[Any]:
        kafka = _kafka()
        any_ = kafka.AclBindingFilter(
            kafka.ResourceType.ANY,
            None,
            kafka.ResourcePatternType.ANY,
            None,
            None,
            kafka.AclOperation.ANY,
            kafka.AclPermissionType.ANY,
        )
        return self._client.describe_acls(any_).result(timeout=TIMEOUT_S)

    def _each(self, ask: Any, things: list[Any]) -> None:
        for answer in ask(things).values() if things else ():
            answer.result(timeout=TIMEOUT_S)


@contextlib.contextmanager
def connect(
    bootstrap: str, password: str, *, mechanism: str, tls: bool = False, ca_file: str | None = None
) -> Generator[Cluster]:
    """The cluster, as the administrator; under TLS it trusts `ca_file`, or else the machine's list.

    `mechanism`: PLAIN, which the cluster's own configuration knows, or SCRAM-SHA-512 once there are users. Raises
    Refused for whatever the cluster refuses meanwhile.
    """
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    settings: dict[str, str | int | float | bool] = {
        "bootstrap.servers": bootstrap,
        "security.protocol": "SASL_SSL" if tls else "SASL_PLAINTEXT",
        "sasl.mechanism": mechanism,
        "sasl.username": ADMIN,
        "sasl.password": password,
        "log_level": 0,  # what fails is said once, below
    }
    if ca_file:
        settings["ssl.ca.location"] = ca_file
    try:
        client = AdminClient(settings)
        client.list_topics(timeout=ANSWERS_WITHIN_S)  # else a wrong password would be tried for a minute
        yield Cluster(client)
    except (KafkaException, TimeoutError) as error:
        raise Refused(
            f"Kafka at {bootstrap} refused: {error}; see its address, HADIR_KAFKA_SECURITY_PROTOCOL, "
            "HADIR_KAFKA_CA_FILE and HADIR_KAFKA_ADMIN_PASSWORD, and whether it asks for passwords at all "
            "(`hadir up` does not)"
        ) from error


def _kafka() -> Any:
    import confluent_kafka.admin

    return confluent_kafka.admin  # its modules export these names without saying so


def _binding(grant: Grant) -> Any:
    kafka = _kafka()
    return kafka.AclBinding(
        kafka.ResourceType.TOPIC if grant.kind == "topic" else kafka.ResourceType.GROUP,
        grant.name,
        kafka.ResourcePatternType.LITERAL if grant.kind == "topic" else kafka.ResourcePatternType.PREFIXED,
        f"User:{grant.user}",
        "*",
        kafka.AclOperation.READ if grant.operation == "read" else kafka.AclOperation.WRITE,
        kafka.AclPermissionType.ALLOW,
    )


def _filter(binding: Any) -> Any:
    return _kafka().AclBindingFilter(
        binding.restype,
        binding.name,
        binding.resource_pattern_type,
        binding.principal,
        binding.host,
        binding.operation,
        binding.permission_type,
    )


def _said(binding: Any) -> str:
    what = f"{binding.operation.name.lower()} {binding.restype.name.lower()} {binding.name}"
    pattern = "…" if binding.resource_pattern_type.name == "PREFIXED" else ""
    denied = " (a denial)" if binding.permission_type.name == "DENY" else ""
    return f"{binding.principal.removeprefix('User:')}: {what}{pattern}{denied}"
