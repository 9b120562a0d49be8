"""Signing in by the city's account: what its provider says of a person becomes a session of ours."""

import datetime as dt
from pathlib import Path
from uuid import UUID

from services.reporting.commands.sessions import SESSION_S, Sessions
from services.reporting.domain import oidc as rules
from services.reporting.domain.oidc import Mapping, MappingError, Match
from services.reporting.store import sessions as store
from services.reporting.store.sessions import Holder
from shared.access import of_one_opd, stays_signed_in
from shared.database import Database
from shared.oidc import Attempt, Client, Provider
from shared.refusals import Forbidden
from shared.settings import Settings, SettingsError

CALLBACK = "/reporting/login/oidc/callback"
AFTER_SIGN_OUT = "/reporting/login"


class SignOn:
    """The city's account, as one door of this service uses it."""

    def __init__(self, settings: Settings, db: Database, sessions: Sessions) -> None:
        """Raises SettingsError for what cannot be used. Nobody is asked yet: a provider may be away for now."""
        self._mapping = _mapping(settings.oidc_mapping_file)
        self._provider = Provider(
            Client(
                issuer=settings.oidc_issuer or "",
                client_id=settings.oidc_client_id or "",
                client_secret=_secret(settings.oidc_client_secret_file),
                redirect_uri=settings.base_url + CALLBACK,
                scope=settings.oidc_scope,
                acr_values=tuple(settings.oidc_acr_values),
                max_age_s=settings.oidc_max_age,
            )
        )
        self._db, self._sessions = db, sessions
        self._staff_session_s = settings.oidc_staff_session_days * 86_400
        self._back = settings.base_url + AFTER_SIGN_OUT

    def check_issuer(self, iss: str | None) -> None:
        """Raises SignOnError where an answer comes of another provider than the one that was asked."""
        self._provider.check_issuer(iss)

    async def address(self, secret: str) -> str:
        """Where the browser that holds `secret` is sent. Raises SignOnError."""
        return await self._provider.address(Attempt.of(secret))

    async def finish(self, secret: str, code: str) -> tuple[str, dt.datetime]:
        """(a session, when it ends) of whoever the provider gave `code` to.

        Raises SignOnError, and Forbidden where the city's account does not say who of Hadir they are.
        """
        claims = await self._provider.claims(code, Attempt.of(secret), self._mapping.names)
        account = str(claims.get("preferred_username") or claims.get("email") or claims["sub"])[:200]
        found = rules.matches(self._mapping, claims)
        if not found:
            raise Forbidden("oidc.nobody", params={"account": account})
        if len(found) > 1:
            roles = ", ".join(sorted(match.role for match in found))
            raise Forbidden("oidc.several", params={"account": account, "roles": roles})
        [match] = found
        holder = await self._holder(match, rules.employee_of(self._mapping, claims), account)
        # Who checks in with their own phone every morning is not asked who they are every morning.
        for_s = self._staff_session_s if stays_signed_in(holder.role) else SESSION_S
        return await self._sessions.open(holder, for_s)

    async def after_sign_out(self) -> str | None:
        """Where a browser whose session is over is sent to sign out of the city's account too, if anywhere."""
        return await self._provider.end_session(self._back)

    async def _holder(self, match: Match, employee: str | None, account: str) -> Holder:
        if employee is None:
            if match.needs_person:
                raise Forbidden("oidc.no_person", params={"account": account})
            return self._in_opd(match, None, match.opd, account)
        try:
            employee_id = UUID(employee)
        except ValueError as error:
            raise Forbidden("oidc.no_person", params={"account": account}) from error
        async with self._db.read() as tx:
            own_opd = await store.opd_of_active(tx, employee_id)
        if own_opd is None:
            raise Forbidden("oidc.not_in_directory", params={"account": account})
        opd = own_opd if match.of_directory else match.opd
        return self._in_opd(match, employee_id, opd, account)

    @staticmethod
    def _in_opd(match: Match, employee_id: UUID | None, opd: str | None, account: str) -> Holder:
        if of_one_opd(match.role) and not opd:
            raise Forbidden("oidc.no_opd", params={"account": account})
        return Holder(employee_id, match.role, opd)


def _mapping(file: Path | None) -> Mapping:
    try:
        return rules.read(file.read_text(encoding="utf-8") if file else "")
    except (OSError, UnicodeDecodeError, MappingError) as error:
        raise SettingsError(f"HADIR_OIDC_MAPPING_FILE: {file}: {error}") from error


def _secret(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        secret = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"HADIR_OIDC_CLIENT_SECRET_FILE: {file}: {error}") from error
    if not secret:
        raise SettingsError(f"HADIR_OIDC_CLIENT_SECRET_FILE: {file} is empty; write the client's secret into it")
    return secret
