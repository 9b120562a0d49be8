"""Who of the city's account signs in as what: a mapping from claims, as data.

One role for each person: rules that give several are a mistake in the account or in the mapping, and nobody knows
which of them is meant. Roles are no ladder, so there is no least of them.
"""

import tomllib
from typing import Annotated, Any, NamedTuple, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.access import Role, of_one_opd

Claim = Annotated[str, Field(min_length=1)] | Annotated[list[str], Field(min_length=1)]
"""The name of a claim, or the names that lead to it, such as ["realm_access", "roles"]."""


class MappingError(ValueError):
    """The mapping cannot be used; the text has one line for each error."""


class _Exact(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class RoleRule(_Exact):
    """Whoever has one of `values` in `claim` has this role."""

    role: Role
    claim: Claim
    values: Annotated[list[str], Field(min_length=1)]
    opd: str | None = None
    """The OPD that an OPD admin acts in; without it that of `opd_claim`, and without both the directory's."""
    opd_claim: Claim | None = None
    person: bool = True
    """False: an office's account that names no employee may sign in too. It reads and changes nothing."""

    @model_validator(mode="after")
    def _opd_where_it_counts(self) -> "RoleRule":
        if not of_one_opd(self.role) and (self.opd is not None or self.opd_claim is not None):
            raise ValueError(f"{self.role} acts in no OPD of its own: take opd and opd_claim away")
        if self.opd is not None and self.opd_claim is not None:
            raise ValueError("give opd or opd_claim, not both")
        return self


class Mapping(_Exact):
    """The whole file."""

    employee_claim: Claim = "employee_id"
    """Where the account holds the employee_id of the directory."""
    otherwise: Role | None = None
    """The role of an employee for whom no rule has another."""
    role: list[RoleRule] = []

    @model_validator(mode="after")
    def _somebody(self) -> "Mapping":
        if not self.role and self.otherwise is None:
            raise ValueError("nobody could sign in: give a [[role]] or `otherwise`")
        return self

    @property
    def names(self) -> list[str]:
        """The top-level claims that decide."""
        claims = [self.employee_claim, *(rule.claim for rule in self.role)]
        claims += [rule.opd_claim for rule in self.role if rule.opd_claim is not None]
        return sorted({claim if isinstance(claim, str) else claim[0] for claim in claims})


class Match(NamedTuple):
    """What one rule makes of a person."""

    role: Role
    opd: str | None
    """None: none, or where `of_directory` the one that the directory has for them."""
    of_directory: bool
    needs_person: bool


def read(text: str) -> Mapping:
    """The mapping that a TOML text says. Raises MappingError."""
    try:
        return Mapping.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"not TOML: {error}") from error
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)
        lines = [f"{'.'.join(map(str, one['loc'])) or 'file'}: {one['msg']}" for one in wrong]
        raise MappingError("; ".join(lines)) from error


def employee_of(mapping: Mapping, claims: dict[str, Any]) -> str | None:
    """The employee_id that the account holds, unread; None where it holds none."""
    return _only(_texts(claims, mapping.employee_claim))


def matches(mapping: Mapping, claims: dict[str, Any]) -> list[Match]:
    """All that the rules make of this person, each once; one is right, none and several are to be refused."""
    found: dict[tuple[Role, str | None], Match] = {}
    for rule in mapping.role:
        if not set(_texts(claims, rule.claim)) & set(rule.values):
            continue
        opd = rule.opd if rule.opd_claim is None else _only(_texts(claims, rule.opd_claim)) or ""
        of_directory = of_one_opd(rule.role) and rule.opd is None and rule.opd_claim is None
        match = Match(rule.role, opd, of_directory, rule.person)
        known = found.get((rule.role, opd))
        # Two rules that say the same: the stricter word about the person counts.
        needs = match.needs_person or (known is not None and known.needs_person)
        found[(rule.role, opd)] = match._replace(needs_person=needs)
    if not found and mapping.otherwise is not None:
        return [Match(mapping.otherwise, None, of_one_opd(mapping.otherwise), True)]
    return list(found.values())


def _texts(claims: dict[str, Any], claim: str | list[str]) -> list[str]:
    """The texts of a claim, one or many. A number or a truth value is none: nobody becomes anything by `true`."""
    value: Any = claims
    for name in [claim] if isinstance(claim, str) else claim:
        value = cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None
    if isinstance(value, str):
        return [value]
    return [one for one in cast("list[Any]", value) if isinstance(one, str)] if isinstance(value, list) else []


def _only(texts: list[str]) -> str | None:
    return texts[0] if len(texts) == 1 else None
