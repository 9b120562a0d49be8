"""Who may act for whom, and how an audit row names them."""

from uuid import UUID

from shared.access import READ_REASONS, Principal, may, only_opd
from shared.refusals import FieldError, Forbidden


def officer_id(who: Principal) -> UUID:
    """The officer who answers for a change. Writing doors have asked for a name already (shared/auth.py)."""
    assert who.subject is not None  # noqa: S101
    return who.subject


def officer_name(who: Principal) -> str:
    """The officer as rows name them."""
    return str(officer_id(who))


def own_opd(who: Principal, opd_codes: list[str], *, everybody: bool = False) -> None:
    """403 where an OPD admin acts for another OPD than their own."""
    own = only_opd(who)
    if own is not None and (everybody or any(code != own for code in opd_codes)):
        params = {"opd": own or "-"}
        raise Forbidden("scope.own_opd", params=params, errors=[FieldError("scope", "scope.own_opd", params)])


def may_know_reasons(who: Principal) -> bool:
    """Whether the caller may read which limit holds for a person, discipline among them."""
    return may(who, READ_REASONS)
