"""Progress: what a run says while it goes on, live on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

Advance = Callable[[str], None]
"""Call it when a unit of work is done, with a short word on how things stand."""


class Progress:
    """Writes to standard error, so that standard output stays for results."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)

    def say(self, text: str) -> None:
        """One line that stays."""
        self.console.print(text, highlight=False)

    @contextmanager
    def bar(self, what: str, total: int) -> Iterator[Advance]:
        """A bar for `total` units of work; off a terminal, nothing but what is said beside it."""
        columns = (
            TextColumn("  {task.description:<28}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[state]}"),
        )
        with Bars(
            *columns,
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        ) as bars:
            task = bars.add_task(what, total=total, state="")
            yield lambda state: bars.update(task, advance=1, state=state)
