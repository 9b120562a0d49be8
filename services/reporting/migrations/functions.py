"""The functions that judge: whoever changes the .sql files installs them anew in a migration of its own."""

import re
from collections.abc import Callable
from pathlib import Path

FILES = ("verdicts.sql", "output.sql", "coverage.sql", "months.sql")
_FOLDER = Path(__file__).resolve().parents[1] / "store"


def install(execute: Callable[[str], object]) -> None:
    """Put the functions of the .sql files in the place of those of the same names.

    Their bodies are not checked against the tables: on a new database an older migration installs the functions
    of today, which may name columns that only a later one adds.
    """
    execute("set local check_function_bodies = off")
    for name in FILES:
        # One statement at a time: the driver prepares them. `$$;` ends a function, nothing else does.
        for statement in (_FOLDER / name).read_text(encoding="utf-8").split("$$;"):
            if statement.strip():
                for function in re.findall(r"create or replace function (\w+)", statement):
                    # `or replace` alone cannot change what a function returns.
                    execute(f"drop function if exists {function}")
                execute(statement + "$$")
