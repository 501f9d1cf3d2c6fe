"""`forethought view`: pages of a run's trajectories, written and, if asked, served."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from rich.console import Console

from forethought.benchmarks.contents import Page, outcomes_of, write_contents
from forethought.benchmarks.folder import runs_in
from forethought.benchmarks.view import write_view


def write_views(run: Path) -> tuple[Path, list[Path]]:
    """Write `view.html` beside the episodes of each run found, and one that leads to them all.

    Returns the page to begin with, which is the only one where there is one run, and all pages of
    episodes. Raises FileNotFoundError if there is no run.
    """
    folders = runs_in(run)
    is_alone = len(folders) == 1
    pages = []
    for folder in folders:
        plan, trajectories = folder.plan(), folder.trajectories()
        title = f"{plan.model} on {plan.env}, seed {plan.seed}"
        if not is_alone:
            title = f"{folder.path.name}: {title}"
        path = write_view(folder.path / "view.html", trajectories, title=title)
        pages.append(Page(path=path, title=title, outcomes=outcomes_of(trajectories)))
    views = [page.path for page in pages]
    if is_alone:
        return views[0], views
    title = f"Episodes in {run.resolve().name}"
    return write_contents(run / "view.html", pages, title=title), views


def serve(page: Path, *, port: int, console: Console) -> None:
    """Serve the page's folder on localhost until Ctrl-C."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(page.parent))
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        console.print(f"http://127.0.0.1:{server.server_port}/{page.name} (Ctrl-C ends)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            console.print("served no more")
