"""Who may act for whom, and how an audit row names them."""

from shared.access import Principal, only_opd
from shared.http import FieldError, Problem


def officer_name(who: Principal) -> str:
    """How an audit row names the caller: their employee_id, or the role of an office account."""
    return str(who.subject) if who.subject is not None else who.role


def own_opd(who: Principal, opd_codes: list[str], *, everybody: bool = False) -> None:
    """403 where an OPD admin acts for another OPD than their own."""
    own = only_opd(who)
    if own is not None and (everybody or any(code != own for code in opd_codes)):
        params = {"opd": own or "-"}
        raise Problem(403, "scope.own_opd", params=params, errors=[FieldError("scope", "scope.own_opd", params)])
