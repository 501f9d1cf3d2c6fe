"""`forethought view`: pages of a run's trajectories, written and, if asked, served."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from rich.console import Console

from forethought.benchmarks.folder import runs_in
from forethought.benchmarks.view import write_view


def write_views(run: Path) -> list[Path]:
    """Write `view.html` beside the episodes of each run found; returns the paths."""
    found = []
    for folder in runs_in(run):
        plan, trajectories = folder.plan(), folder.trajectories()
        title = f"{plan.model} on {plan.env}, seed {plan.seed}"
        found.append(write_view(folder.path / "view.html", trajectories, title=title))
    return found


def serve(page: Path, *, port: int, console: Console) -> None:
    """Serve the page's folder on localhost until Ctrl-C."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(page.parent))
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        console.print(f"http://127.0.0.1:{server.server_port}/{page.name} (Ctrl-C ends)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            console.print("served no more")
