"""Whose code runs here, and under which licence: each package that is installed says one that we may use."""

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FREE = frozenset(
    {
        *(
            "MIT",
            "MIT-0",
            "MIT-CMU",
            "ISC",
            "Apache-2.0",
            "BSD-2-Clause",
            "BSD-3-Clause",
            "0BSD",
            "Zlib",
            "CC0-1.0",
        ),
        *("PSF-2.0", "MPL-2.0", "EUPL-1.2"),
    }
)
"""Compatible with the EUPL-1.2 in what is handed on (its appendix, and the FSF's list)."""
TOOLS = {"portion": "LGPL-3.0-or-later", "rfc3987": "GPL-3.0-or-later"}
"""Of tests alone: nothing that is handed on links them."""
_SPDX = {
    "MIT License": "MIT",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "Python Software Foundation License": "PSF-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
}
"""The words of PyPI's classifiers, where a package has no SPDX expression yet (PEP 639)."""


def licences(package: Distribution) -> set[str]:
    """The SPDX ids that a package names; empty for one that names none."""
    said: dict[str, Any] = package.metadata.json  # its names are in lower case there
    classified = [one.split(" :: ")[-1] for one in said.get("classifier", []) if one.startswith("License ::")]
    told = said.get("license_expression") or " AND ".join(one for one in classified if one != "OSI Approved")
    found = str(told or said.get("license") or "")
    return {_SPDX.get(one, one.strip(" ()")) for one in _parts(found)}


def _parts(told: str) -> list[str]:
    return [told] if told in _SPDX else [part for part in re.split(r"\s+(?:AND|OR)\s+", told) if part]


def needed(name: str, seen: set[str], extras: frozenset[str] = frozenset()) -> Iterator[Distribution]:
    """A package and all that it needs on this machine."""
    try:
        package = distribution(name)
    except PackageNotFoundError:
        return
    if canonicalize_name(name) not in seen:
        seen.add(canonicalize_name(name))
        yield package
    elif not extras:
        return
    for line in package.requires or []:
        requirement = Requirement(line)
        marker = requirement.marker
        wanted = marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras))
        if wanted and not (extras and canonicalize_name(requirement.name) in seen and not requirement.extras):
            yield from needed(requirement.name, seen, frozenset(requirement.extras))


def test_what_is_handed_on_needs_nothing_but_free_licences() -> None:
    packages = list(needed("hadir", set()))
    assert len(packages) > 40, "hadir's requirements were not found"
    wrong = {one.name: licences(one) for one in packages if not licences(one) or not licences(one) <= FREE}
    assert wrong == {}


def test_what_only_tests_need_is_under_a_licence_that_we_know() -> None:
    wrong = {
        one.name: licences(one)
        for one in distributions()
        if not licences(one) or not licences(one) <= FREE | ({TOOLS[one.name]} if one.name in TOOLS else set())
    }
    assert wrong == {}


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_under_another_licence_is_no_part_of_what_is_handed_on(name: str) -> None:
    assert name not in {canonicalize_name(one.name) for one in needed("hadir", set())}
