"""How far a command has come, on standard error."""

import contextlib
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


@contextlib.contextmanager
def progress_bar() -> Generator["Progress"]:
    """On standard error, from the first thing done on: of what fails before there is one line."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.progress import TimeElapsedColumn as Elapsed
    from rich.progress import TimeRemainingColumn as Remaining
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:,.0f}/s" if speed >= 10 else f"{speed:.1f}/s")

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), Elapsed(), Remaining())
    bar = Progress(*columns, console=Console(stderr=True))
    try:
        yield bar
    finally:
        if bar.live.is_started:
            bar.stop()


def shows(bar: "Progress", what: str) -> Callable[[int, int], None]:
    def show(done: int, total: int) -> None:
        bar.start()
        task = next((task.id for task in bar.tasks if task.description == what), None)
        if task is None:
            task = bar.add_task(what)
        bar.update(task, completed=done, total=total)

    return show
