"""What a service is told from outside. One prefix, `HADIR_`; every error at start is listed at once."""

import os
import ssl
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    FilePath,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from shared import clock as business_clock
from shared import mailbox, spans
from shared.events.base import ServiceName


class SettingsError(Exception):
    """The settings cannot be used. The text has one line for each error, with the variable to set."""


def _listed(value: object) -> object:
    """Comma-separated text as its parts."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _mailbox(value: str) -> str:
    mailbox.header(value)
    return value


def readable_url(url: str) -> str:
    """`url`, if it names a PostgreSQL database. Several hosts have commas between them. Raises ValueError
    that says how to write it."""
    try:
        netloc = urlsplit(url).netloc
        who, at, hosts = netloc.rpartition("@")
        each = (url.replace(netloc, f"{who}{at}{host}", 1) for host in hosts.split(","))
        named = {make_url(one).drivername for one in each}
    except (ArgumentError, ValueError):  # no URL at all; a port that is no number
        named = set[str]()
    if not named <= {"postgres", "postgresql"} or not named:
        raise ValueError(
            "write it as postgresql://user:password@host:port/database; with a standby "
            "postgresql://user:password@host:port,host:port/database?target_session_attrs=read-write"
        )
    return url


def with_certificates(file: Path | None) -> Path | None:
    """`file`, if certificates can be read from it. Raises ValueError that says what to give."""
    try:
        ssl.create_default_context(cafile=file)
    except (ssl.SSLError, OSError) as error:
        raise ValueError(f"no certificates can be read from it ({error}); give a PEM file") from error
    return file


def network(text: str) -> str:
    """`text`, if it is a network. Raises ValueError that says how to write one."""
    try:
        return str(ip_network(text))
    except ValueError as error:
        raise ValueError("write each network as 10.20.0.0/16, with nothing set after the length") from error


class KafkaSettings(BaseSettings):
    """What a service is told of Kafka. Field `kafka_bootstrap` is read from `HADIR_KAFKA_BOOTSTRAP`, and so on."""

    model_config = SettingsConfigDict(env_prefix="HADIR_", extra="ignore", frozen=True)

    service: ServiceName
    kafka_bootstrap: str = Field(pattern=r"^[^:\s]+:[0-9]+(,[^:\s]+:[0-9]+)*$")
    kafka_security_protocol: Literal["PLAINTEXT", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_username: str | None = None
    kafka_password: str | None = None
    kafka_ca_file: Annotated[FilePath | None, AfterValidator(with_certificates)] = None
    """PEM file with the certificates that the broker's is checked against under SASL_SSL; without it the
    machine's own list serves."""
    trusted_sources: Annotated[frozenset[str], NoDecode, BeforeValidator(_listed)] = frozenset()
    """From `HADIR_TRUSTED_SOURCES`, comma-separated: values of `ce_source` beside a topic's owner whose events are
    taken. For a migration or a test bench; whoever may write to the topic may use them."""
    batch_max_records: int = Field(default=2000, ge=1, le=50_000)
    dead_letter_limit: int = Field(default=100, ge=1)
    """So many dead letters in a row stop a partition's consumer instead of draining it into dead letters."""
    dead_letter_per_thousand: int = Field(default=250, ge=1, le=1000)
    """And so many among the last thousand records of the partition."""


class Settings(KafkaSettings):
    """All that one service is told."""

    database_url: Annotated[str, AfterValidator(readable_url)]
    """From `HADIR_<SERVICE>_DATABASE_URL`: `postgresql://user:password@host:port/database`."""

    state_dir: Path = Path(".hadir")
    token_public_key_file: Path
    """PEM file with the Ed25519 public key that tokens are verified with."""
    token_private_key_file: Path | None = None
    """Reporting: PEM file with the Ed25519 key for the tokens of browsers' sessions. Unset: none are given."""
    oidc_issuer: str | None = Field(
        default=None,
        pattern=r"^(https://[^\s/?#]+|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?)(/[^\s?#]*)?$",
    )
    """Reporting: the provider of OpenID Connect that signs browsers in, as it names itself. Unset: none."""
    oidc_client_id: str | None = Field(default=None, validate_default=True)
    oidc_client_secret_file: FilePath | None = None
    """A file with the client's secret; unset for a public client."""
    oidc_mapping_file: FilePath | None = Field(default=None, validate_default=True)
    """TOML: whose account has which role (services/reporting/domain/oidc.py)."""
    oidc_scope: str = Field(default="openid", pattern=r"(^|\s)openid(\s|$)")
    oidc_acr_values: Annotated[list[str], NoDecode, BeforeValidator(_listed)] = []
    """From `HADIR_OIDC_ACR_VALUES`, comma-separated: the provider is asked for one of these classes of
    authentication, such as one with a second factor, and a sign-in of any other is refused."""
    oidc_max_age: int | None = Field(default=None, ge=0)
    """Seconds: a sign-in at the provider that is older has to be done again."""
    oidc_staff_session_days: int = Field(default=30, ge=1, le=400)
    """Days for which staff stay signed in; a session of any other role lasts eight hours."""
    receipt_key_file: Path | None = None
    """Attendance: PEM file with the Ed25519 key that signs receipts, then the public keys of earlier ones. Unset:
    receipts are not signed."""
    proof_key_file: Path | None = None
    """Reporting: PEM file with the Ed25519 key that signs checkpoints of the log and packs, then the public keys
    of earlier ones. Unset: nothing is signed, and no checkpoint made."""
    message_key_file: Path | None = None
    """Notifications: PEM file with the P-256 key of what leaves the house: it signs pushes (VAPID) and tags the
    links in messages, and gives webhooks their secrets. Unset: no push is sent, no webhook, and no e-mail."""
    webhook_networks: Annotated[
        list[Annotated[str, AfterValidator(network)]], NoDecode, BeforeValidator(_listed)
    ] = []
    """Notifications, from `HADIR_WEBHOOK_NETWORKS`, comma-separated: networks that are not public, such as
    `10.20.0.0/16`, in which receivers of webhooks may stand. Who may subscribe may then call any machine there."""
    webhook_ports: Annotated[
        list[Annotated[int, Field(ge=1, le=65535)]], NoDecode, BeforeValidator(_listed), Field(min_length=1)
    ] = [443]
    """From `HADIR_WEBHOOK_PORTS`, comma-separated: on which ports receivers may listen."""
    webhook_plain_http: bool = False
    """Whether a receiver may have an address with `http://`: for trials on one machine."""
    webhook_ca_file: Annotated[FilePath | None, AfterValidator(with_certificates)] = None
    """PEM file with the certificates that receivers' are checked against; without it the machine's own list."""
    gateways_file: FilePath | None = None
    """Notifications: TOML with the gateways to phones, by name (services/notifications/channels/gateway.py).
    Unset: no message is sent to a telephone's number."""
    push_contact: str | None = Field(default=None, pattern=r"^(mailto:[^@\s]+@[^@\s]+|https://[^\s]+)$")
    """Notifications: where the push services of browsers reach those who run this system, `mailto:` or `https:`;
    Apple's takes no push without. Unset: `public_url`, where it is https."""
    log_origin: str = Field(default="hadir.local", max_length=100, pattern=r"^[^\s+/]+(/[^\s+/]+)*$")
    """Reporting: under what name the city's log is known, such as `hadir.bekasikota.go.id`; for good, because
    checkpoints name it."""
    clock: str | None = None
    """Business time for trials: `2025-11-06T06:45+07:00@60` starts there and runs 60 times as fast."""
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    shared_port: int | None = Field(default=None, ge=1, le=65535)
    """A second port, on which several processes of this service listen at once: the kernel gives each of them its
    part of the connections. Each has its own `port` besides, for those that look after it."""
    public_url: str | None = Field(default=None, pattern=r"^https?://[^\s/?#]+[^\s?#]*$")
    """Where the installation is reached from outside, such as `https://hadir.example.go.id`: events name it."""
    kafka_external_name: str | None = Field(default=None, pattern=r"^[^:\s]+:[0-9]+(,[^:\s]+:[0-9]+)*$")
    """Reporting: where other systems of the city reach Kafka, `kafka.example.go.id:9094`: the catalogue of events
    says so. Unset: it names no way in from outside."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    database_pool_size: int = Field(default=10, ge=2, le=200)
    keep_facts_months: int | None = Field(default=None, ge=3, le=1200)
    """Reporting shows so many whole months before the present one, and older facts go. Unset: for ever."""
    keep_reports_months: int | None = Field(default=None, ge=3, le=1200)
    """Reporting keeps what people wrote (reports, intentions, targets) for so many whole months before the present
    one. Unset: for ever."""
    keep_messages_days: int = Field(default=400, ge=30, le=36_500)
    """Days after which notifications deletes a message: 400 are a year, and a month to look back over it."""
    evidence_dir: Path | None = None
    """Where reporting keeps evidence files; unset: `evidence` in the state directory."""
    evidence_store_user: str | None = None
    evidence_store_secret: str | None = None
    evidence_store_region: str = "us-east-1"
    evidence_store_url: str | None = Field(default=None, pattern=r"^https?://[^\s?#]+$")
    """`https://host[:port]/bucket` of an S3-compatible store, in place of a folder."""
    keep_evidence_days: int = Field(default=400, ge=30, le=36_500)
    """Days after which reporting purges an evidence file."""
    keep_positions_days: int = Field(default=90, ge=35, le=3650)
    """Attendance: days after which it purges where people were when they checked in, and the devices that they did
    it with. An offline punch is handed over within 31 days of which it knows more."""
    flag_days: int = Field(default=30, ge=1, le=365)
    """Attendance: so many days back, and forth, punches are compared for what speaks against a place."""
    flag_same_people: int = Field(default=3, ge=2, le=1000)
    """So many people with the same coordinates to the last digit."""
    flag_same_days: int = Field(default=3, ge=2, le=365)
    """So many work dates of one person with the same coordinates to the last digit."""
    flag_speed_kmh: int = Field(default=200, ge=1, le=10_000)
    """Faster than this nobody travels from a punch to the next, as the crow flies, accuracies taken off."""
    flag_speed_km: int = Field(default=5, ge=1, le=10_000)
    """What is nearer than this is no journey: a fix by cells jumps so far."""
    flag_accuracy_repeats: int = Field(default=10, ge=2, le=50)
    """So many positions of one person in a row with the same accuracy to the last digit."""
    flag_accuracies: Annotated[frozenset[float], NoDecode, BeforeValidator(_listed)] = frozenset({150.0})
    """From `HADIR_FLAG_ACCURACIES`, comma-separated: metres that a made-up position is accurate to by itself."""
    flag_usual_accuracies: Annotated[frozenset[float], NoDecode, BeforeValidator(_listed)] = frozenset(
        {5.0, 10.0, 20.0, 30.0, 35.0, 50.0, 65.0, 100.0}
    )
    """From `HADIR_FLAG_USUAL_ACCURACIES`: those that phones round to, which say nothing by being repeated."""
    flag_device_people: int = Field(default=2, ge=2, le=1000)
    """So many people with one device."""
    request_days: int = Field(default=31, ge=1, le=366)
    """Attendance, scheduling: so many days back people may ask about their own days."""
    month_closes_on: int = Field(default=0, ge=0, le=28)
    """From this day of a month on nobody asks about the months before it any more; 0: months are not closed."""
    otlp_endpoint: Annotated[str, AfterValidator(spans.endpoint)] | None = Field(
        default=None, pattern=r"^https?://[^\s?#]+$"
    )
    """`http://collector:4318`: where spans are handed over by OTLP over HTTP. Unset: none are made."""
    read_timeout_s: float = Field(default=20, gt=0, le=600)
    """Seconds after which a statement of a reading door is given up with 503."""

    mail_from: Annotated[str, AfterValidator(_mailbox)] | None = None
    """Notifications: of whom e-mail is, such as `Hadir Kota Bekasi <hadir@bekasikota.go.id>`."""
    mail_reply_to: Annotated[str, AfterValidator(_mailbox)] | None = None
    """To whom an answer goes; unset: to `mail_from`."""
    smtp_user: str | None = None
    smtp_password_file: FilePath | None = None
    """A file with the password of `smtp_user`."""
    smtp_ca_file: FilePath | None = None
    """PEM file with the certificates that the mail server's is checked against; unset: the machine's own list."""
    smtp_tls: Literal["starttls", "tls", "none"] = "starttls"
    """How the way to the mail server is encrypted: asked for and insisted on, from the start, or not at all."""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_host: str | None = Field(default=None, min_length=1, max_length=253, pattern=r"^[^\s:/]+$")
    """Notifications: the city's mail server. Unset: no e-mail is sent."""

    @property
    def smtp_password(self) -> str | None:
        """What the file holds, without white space around it."""
        return None if self.smtp_password_file is None else self.smtp_password_file.read_text().strip()

    @property
    def push_subject(self) -> str | None:
        """The contact that pushes name."""
        https = (self.public_url or "").startswith("https://")
        return self.push_contact or (self.public_url if https else None)

    @property
    def base_url(self) -> str:
        """`public_url` without a slash at its end; where it is not set, this service's own address."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")

    @field_validator("evidence_store_url")
    @classmethod
    def _whole_store(cls, value: str | None, known: ValidationInfo) -> str | None:
        if value is not None:
            if not value.split("://", 1)[1].rstrip("/").count("/"):
                raise ValueError("name the bucket too: https://host[:port]/bucket")
            missing = [
                name for name in ("evidence_store_user", "evidence_store_secret") if not known.data.get(name)
            ]
            if missing:
                raise ValueError("set " + " and ".join(f"HADIR_{name.upper()}" for name in missing) + " too")
        return value

    @field_validator("smtp_host")
    @classmethod
    def _whole_mail(cls, value: str | None, known: ValidationInfo) -> str | None:
        if value is not None:
            needed = ["mail_from", "message_key_file", "public_url"]
            needed += ["smtp_password_file"] if known.data.get("smtp_user") else []
            missing = [name for name in needed if name in known.data and not known.data[name]]
            if missing:
                raise ValueError("set " + " and ".join(f"HADIR_{name.upper()}" for name in missing) + " too")
            here = value in ("localhost", "127.0.0.1")
            if known.data.get("smtp_user") and known.data.get("smtp_tls") == "none" and not here:
                raise ValueError(
                    "the password would be readable on the way: set HADIR_SMTP_TLS to starttls or tls"
                )
        return value

    @field_validator("oidc_client_id", "oidc_mapping_file")
    @classmethod
    def _with_the_issuer(cls, value: object, info: ValidationInfo) -> object:
        issuer = info.data.get("oidc_issuer")
        if issuer is not None and value is None:
            raise ValueError("set it too, for HADIR_OIDC_ISSUER is set (docs/runbook.md, section 2)")
        if issuer is None and value is not None and "oidc_issuer" in info.data:
            raise ValueError("set HADIR_OIDC_ISSUER too, or take this away")
        return value

    @field_validator("clock")
    @classmethod
    def _clock(cls, value: str | None) -> str | None:
        if value:
            business_clock.parse(value)
        return value or None


def load(service: ServiceName, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of `service` from the environment.

    Raises SettingsError that lists every missing or wrong variable.
    """
    url_name = f"HADIR_{service.upper()}_DATABASE_URL"
    given: dict[str, str] = {}
    for field in Settings.model_fields:
        name = url_name if field == "database_url" else f"HADIR_{field.upper()}"
        if environ.get(name) and field != "service":  # set to nothing is not set
            given[field] = environ[name]
    try:
        # Validated from `given` alone, so that a test's environment is the whole environment.
        return Settings.model_validate({"service": service, **given})
    except ValidationError as error:
        lines: list[str] = []
        for problem in error.errors(include_url=False, include_input=False):
            field = str(problem["loc"][0])
            name = url_name if field == "database_url" else f"HADIR_{field.upper()}"
            lines.append(f"{name}: {problem['msg'].removeprefix('Value error, ')}")
        raise SettingsError(
            f"{service} cannot start. Set these environment variables right, then start it again:\n  "
            + "\n  ".join(lines)
        ) from error
