"""Who may do what: each permission once, by role, and the one rule of who answers for whom.

A role says which doors open; whose records may be seen behind them follows from the directory (`is_superior`) or
from the OPD that the token names (`only_opd`). A door that changes anything of the city always asks for a person
besides (shared/auth.py).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args
from uuid import UUID

from shared.refusals import FieldError, Forbidden

Role = Literal["staff", "supervisor", "opd_admin", "bkpsdm", "council", "auditor", "ops"]
ROLES: tuple[Role, ...] = get_args(Role)
Permission = tuple[Role, ...]
"""The roles that have it."""

# --- What officers change --------------------------------------------------------------------------------
CORRECT_RECORDS: Permission = ("supervisor", "opd_admin")
DECLARE_OUTAGES: Permission = ("bkpsdm",)
MANAGE_TERMINALS: Permission = ("bkpsdm", "opd_admin")
"""Terminals and the numbers of people at them; an OPD admin those at their own units' doors."""
MANAGE_NETWORKS: Permission = MANAGE_TERMINALS
"""Which addresses are an office's; an OPD admin their own OPD's."""
MANAGE_DIRECTORY: Permission = ("bkpsdm",)
GOVERN: Permission = ("bkpsdm",)
"""Rules, special hours, weights, and the second officer's word on a proposal."""
MANAGE_CATALOGUE: Permission = ("bkpsdm",)
"""The tasks that people report, with their norms."""
FEED_DEMAND: Permission = ("bkpsdm", "opd_admin")
"""How many came to counters, as machines count them; an OPD admin at their own OPD's."""
REGISTER_PILOTS: Permission = ("bkpsdm",)
"""What a trial is judged by, fixed before it starts."""
MANAGE_SUBSCRIPTIONS: Permission = ("bkpsdm", "ops")
"""Who outside hears of what: other systems by webhook, offices by e-mail."""
PLAN: Permission = ("bkpsdm", "opd_admin")
"""Policies, rosters, absences and single days; an OPD admin in their own OPD."""
ASSESS_READINESS: Permission = ("bkpsdm", "opd_admin")
SET_MESSAGE_RULES: Permission = ("bkpsdm",)
"""Who is told of what, when and how."""
REVIEW_REPORTS: Permission = ("staff", "supervisor", "opd_admin", "bkpsdm")
"""Whoever they are besides: the directory says whose superior they are."""
DECIDE_REQUESTS: Permission = REVIEW_REPORTS
"""What people ask for, of those whom they answer for (`decides`)."""
DECIDE_FLAGS: Permission = REVIEW_REPORTS
"""What speaks against the place of a punch, of those whom they answer for (`decides`)."""
EXAMINE_REPORTS: Permission = ("auditor", "bkpsdm", "opd_admin")
"""Accepted reports of the weekly audit; an OPD admin those of their own OPD."""

# --- What is read ----------------------------------------------------------------------------------------
READ_CITY: Permission = ("bkpsdm", "auditor", "council")
READ_PILOTS: Permission = READ_CITY
"""Protocols and their verdicts."""
READ_OPDS: Permission = (*READ_CITY, "opd_admin")
READ_ALL_PEOPLE: Permission = ("bkpsdm", "auditor")
READ_PEOPLE: Permission = (*READ_ALL_PEOPLE, "opd_admin")
ASK_WHAT_IF: Permission = ("bkpsdm", "auditor")
"""What other rules or another policy would have made of past dates."""
READ_PAYROLL: Permission = ("bkpsdm",)
"""A month of the whole city, person by person."""
READ_RECORDS: Permission = ("supervisor", "opd_admin", "bkpsdm")
READ_DIRECTORY: Permission = ("bkpsdm", "opd_admin")
READ_FULL_NIP: Permission = ("bkpsdm",)
READ_PLANS: Permission = ("bkpsdm", "opd_admin", "auditor")
READ_PROPOSALS: Permission = ("bkpsdm", "opd_admin", "auditor")
"""An OPD admin those that they made."""
READ_REASONS: Permission = ("bkpsdm", "auditor")
"""Which limit holds for a person, discipline among them."""
READ_READINESS: Permission = ("bkpsdm", "opd_admin", "council", "auditor")
READ_EVIDENCE: Permission = ("auditor",)
"""Photos and documents of people's work: beside themselves and their superiors."""
READ_LOG: Permission = READ_ALL_PEOPLE
"""Any record of the log with its proof, and the hashes of single ones."""
READ_EVENTS: Mapping[str, Permission] = {"public": ROLES, "internal": READ_LOG, "restricted": READ_FULL_NIP}
"""Topics, by their audience: without personal data; with people's ids; the directory itself."""
READ_MESSAGE_RULES: Permission = ("bkpsdm", "auditor")
READ_SUBSCRIPTIONS: Permission = (*MANAGE_SUBSCRIPTIONS, "auditor")
"""Who outside hears of what, and what became of it; never a secret."""
READ_AUDIT: Permission = ("auditor", "bkpsdm")

BEGIN_WITH_OWN_DAY: Permission = ("staff", "supervisor")
"""Those whose own day is what they come for first, and not the board."""

AGGREGATES_ONLY: Permission = ("council", "ops")
"""Those who are shown no person but themselves, whatever the directory says of them."""

SMALL_CELLS_MERGED: Permission = ("council",)
"""Those for whom figures of few people are merged (docs/rules.md#rates)."""

_ON_THEIR_OWN_PHONE: Permission = ("staff",)
_CITY_WIDE: Permission = ("bkpsdm",)
_ONE_OPD: Permission = ("opd_admin",)


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller: `subject` is their employee_id (None for an office account), `opd` the OPD of an OPD admin.

    `expires` is in Unix seconds.
    """

    subject: UUID | None
    role: Role
    opd: str | None
    expires: float


def may(who: Principal, permission: Permission) -> bool:
    """Whether their role has the permission."""
    return who.role in permission


def only_opd(who: Principal) -> str | None:
    """The one OPD that an OPD admin acts in, "" where their token names none; None for every other role."""
    return (who.opd or "") if who.role in _ONE_OPD else None


def of_one_opd(role: Role) -> bool:
    """Whether who has the role acts in one OPD, which has to be named."""
    return role in _ONE_OPD


def stays_signed_in(role: Role) -> bool:
    """Whether a browser of who has the role is their own phone, and what it opens is theirs alone."""
    return role in _ON_THEIR_OWN_PHONE


def acts_for_city(who: Principal) -> bool:
    """Whether everybody in the city is theirs to act for."""
    return who.role in _CITY_WIDE


def employee_of(who: Principal) -> UUID:
    """The employee who acts, in whose name a change is kept. Raises Forbidden for an office account."""
    if who.subject is None:
        raise Forbidden("auth.no_employee")
    return who.subject


def own_opd(who: Principal, opd_codes: Sequence[str], *, everybody: bool = False) -> None:
    """Raises Forbidden where an OPD admin acts for another OPD than their own; `everybody` is all of the city."""
    own = only_opd(who)
    if own is not None and (everybody or any(code != own for code in opd_codes)):
        params = {"opd": own or "-"}
        raise Forbidden("scope.own_opd", params=params, errors=[FieldError("scope", "scope.own_opd", params)])


def opd_within(who: Principal, opd_code: str | None) -> str | None:
    """The OPD that a list is narrowed to: an OPD admin's own, else the one that is asked for; None for all."""
    own = only_opd(who)
    return opd_code if own is None else own


class Member(Protocol):
    """What the directory says of a person, as far as it decides who answers for whom."""

    @property
    def employee_id(self) -> UUID: ...
    @property
    def opd_code(self) -> str: ...
    @property
    def unit_id(self) -> str: ...
    @property
    def supervisor_id(self) -> UUID | None: ...
    @property
    def acting_supervisor_id(self) -> UUID | None: ...
    @property
    def heads(self) -> Collection[str]: ...
    @property
    def active(self) -> bool: ...


def is_superior(officer: Member, person: Member) -> bool:
    """Does `officer` answer for `person`: as supervisor, deputy while acting, or head of their unit or OPD?

    Never for oneself, even where somebody heads the unit that they belong to; and never after one's own departure.
    `SUPERIOR` says the same in SQL.
    """
    if not officer.active or officer.employee_id == person.employee_id:
        return False
    if officer.employee_id in (person.supervisor_id, person.acting_supervisor_id):
        return True
    return person.unit_id in officer.heads or person.opd_code in officer.heads


_OTHER_AND_HERE = "officer.active and officer.employee_id <> person.employee_id"
_DIRECT = "officer.employee_id in (person.supervisor_id, person.acting_supervisor_id)"
SUPERIOR = f"""(
    {_OTHER_AND_HERE}
    and ({_DIRECT} or to_jsonb(officer.heads) ?| array[person.unit_id, person.opd_code])
)"""
"""`is_superior` as a condition of SQL on the directory's rows `officer` and `person`."""

REVIEWER = f"({_OTHER_AND_HERE} and {_DIRECT})"
"""Those superiors who review: the supervisor, or the acting deputy (docs/rules.md#superiors-and-reviews)."""


def decides(who: Principal, officer: Member | None, person: Member, *, waited: bool) -> bool:
    """May `who` decide on what waits for a word of a superior of `person`?

    Their supervisor or acting deputy; once it has waited too long, or where there is neither, the next one up
    too: who heads their unit or OPD, and the OPD's admin. Never on one's own. `officer` is what the directory
    says of `who`. `decider` says the same in SQL.
    """
    if who.subject is None or who.subject == person.employee_id:
        return False
    direct = (person.supervisor_id, person.acting_supervisor_id)
    if officer is not None and officer.active and officer.employee_id in direct:
        return True
    if not waited and direct != (None, None):
        return False
    if only_opd(who) == person.opd_code:
        return True
    return officer is not None and is_superior(officer, person)


def decider(*, me: str, opd: str, waited: str) -> str:
    """`decides` as a condition of SQL on the directory's rows `officer` (null for a stranger) and `person`.

    `me` and `opd` are the caller and the OPD of an OPD admin, else null; all are given as SQL.
    """
    up = f"({waited} or coalesce(person.supervisor_id, person.acting_supervisor_id) is null)"
    return f"(person.employee_id <> {me} and ({REVIEWER} or ({up} and ({SUPERIOR} or person.opd_code = {opd}))))"
